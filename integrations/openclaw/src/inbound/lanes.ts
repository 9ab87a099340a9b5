/**
 * Runs tasks of one chat in order, and tasks of several chats at once, up to a limit.
 *
 * A task that fails does not stop its lane: whoever adds it handles its errors.
 */
export class Lanes {
  readonly #lanes = new Map<string, (() => Promise<void>)[]>();
  readonly #ready: string[] = [];
  readonly #limit: number;
  #running = 0;
  readonly #idle: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Appends a task to the lane of a chat. */
  add(chat: string, task: () => Promise<void>): void {
    const lane = this.#lanes.get(chat);
    if (lane) {
      lane.push(task);
      return;
    }
    this.#lanes.set(chat, [task]);
    this.#ready.push(chat);
    this.#start();
  }

  /** Resolves once no task runs or waits. */
  async idle(): Promise<void> {
    if (this.#lanes.size === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Drops the tasks that have not started. */
  clear(): void {
    for (const lane of this.#lanes.values()) lane.length = 0;
    for (const chat of this.#ready.splice(0)) this.#lanes.delete(chat);
    this.#settle();
  }

  #start(): void {
    while (this.#running < this.#limit) {
      const chat = this.#ready.shift();
      if (chat === undefined) return;
      this.#running += 1;
      void this.#run(chat);
    }
  }

  async #run(chat: string): Promise<void> {
    const lane = this.#lanes.get(chat);
    const task = lane?.shift();
    try {
      await task?.();
    } catch {
      // See the class: the task reports its own errors.
    }
    this.#running -= 1;
    // Behind the other chats that wait, so that a busy chat does not starve them.
    if (lane?.length) this.#ready.push(chat);
    else this.#lanes.delete(chat);
    this.#start();
    this.#settle();
  }

  #settle(): void {
    if (this.#lanes.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

/** A payload that waits, and what its delivery resolves to. */
interface Held<P, R> {
  payload: P;
  urls: Set<string>;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Files without a text that a turn produces before its final answer.
 *
 * The final answer often names the same files with a caption. So such a file waits until the next payload, and is sent on its
 * own only if that one does not have it.
 */
export class HeldMedia<P, R> {
  readonly #deliver: (payload: P) => Promise<R>;
  readonly #dropped: R;
  #held: Held<P, R>[] = [];

  constructor(deliver: (payload: P) => Promise<R>, dropped: R) {
    this.#deliver = deliver;
    this.#dropped = dropped;
  }

  /** Holds a payload. Resolves once it was sent, or was superseded. */
  hold(payload: P, urls: Iterable<string>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#held.push({ payload, urls: new Set(urls), resolve, reject });
    });
  }

  /** Sends what is held, but for payloads with one of these files. */
  async release(except: ReadonlySet<string> = new Set()): Promise<number> {
    const due = this.#held.filter((held) => ![...held.urls].some((url) => except.has(url)));
    this.#held = this.#held.filter((held) => !due.includes(held));
    let sent = 0;
    for (const [index, held] of due.entries())
      try {
        held.resolve(await this.#deliver(held.payload));
        sent += 1;
      } catch (error) {
        held.reject(error);
        for (const rest of due.slice(index + 1)) rest.reject(new Error("an earlier file failed", { cause: error }));
        throw error;
      }
    return sent;
  }

  /** Drops files that were sent with another payload. */
  supersede(urls: Iterable<string>): void {
    for (const url of urls)
      this.#held = this.#held.filter((held) => {
        if (!held.urls.delete(url) || held.urls.size > 0) return true;
        held.resolve(this.#dropped);
        return false;
      });
  }
}

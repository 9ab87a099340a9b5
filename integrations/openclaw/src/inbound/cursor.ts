/**
 * Which events may be acknowledged.
 *
 * The agent stores one position for each consumer: an ack of a seq is one of all events before it. Events finish out of
 * order, so the position is just below the lowest one that is open.
 */
export class Cursor {
  /** Open events. Events arrive in order, so the first one is the lowest. */
  readonly #open = new Set<bigint>();
  #highest = 0n;
  #acked = 0n;

  /** Opens an event. False if it is open already, or was finished: a stream that resumes may repeat events. */
  open(seq: bigint): boolean {
    if (seq <= this.#highest) return false;
    this.#open.add(seq);
    this.#highest = seq;
    return true;
  }

  /** Finishes an event: it was taken over by the gateway, or is ignored. */
  close(seq: bigint): void {
    this.#open.delete(seq);
  }

  /** Notes that all matching events up to `seq` have arrived: the others do not concern the consumer. */
  advance(seq: bigint): void {
    if (seq > this.#highest) this.#highest = seq;
  }

  /** The seq to acknowledge, or undefined if the agent has it. */
  due(): bigint | undefined {
    const position = this.position();
    return position > this.#acked ? position : undefined;
  }

  /** The agent has stored this position. */
  acked(seq: bigint): void {
    if (seq > this.#acked) this.#acked = seq;
  }

  /** The last event before the lowest one that is open. */
  position(): bigint {
    const lowest = this.#open.values().next();
    return lowest.done ? this.#highest : lowest.value - 1n;
  }

  /** Number of open events. */
  get openCount(): number {
    return this.#open.size;
  }
}

/**
 * The signal of one call. Connect keeps its listeners on the signal that it is given; a caller's signal, which may live as
 * long as the program, would collect them.
 */
export class Scope {
  readonly #controller = new AbortController();
  readonly #outer: readonly AbortSignal[];
  readonly #abort = () => this.#controller.abort();

  /** A scope that ends with the first of these signals. */
  constructor(...outer: (AbortSignal | undefined)[]) {
    this.#outer = outer.filter((signal) => signal !== undefined);
    for (const signal of this.#outer) {
      if (signal.aborted) this.#abort();
      else signal.addEventListener("abort", this.#abort);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends what uses the signal, and lets go of the outer signals. */
  end(): void {
    for (const signal of this.#outer) signal.removeEventListener("abort", this.#abort);
    this.#controller.abort();
  }
}

/** An agent that answers with what a test gives it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PairFrameSchema, type StatusResponse, StatusResponseSchema } from "@openclaw-agent/client";
import type { Link } from "../../src/agents.js";

export type StatusInit = MessageInitShape<typeof StatusResponseSchema>;
export type Frame = MessageInitShape<typeof PairFrameSchema>["frame"];

export function statusOf(init: StatusInit): StatusResponse {
  return create(StatusResponseSchema, init);
}

/** A pairing whose frames a test sends one by one. */
export class Pairing {
  readonly #frames: Frame[] = [];
  #next = Promise.withResolvers<void>();
  #over: Error | true | undefined;
  /** What the plugin has asked for. */
  readonly request: { replace?: boolean };
  readonly signal: AbortSignal | undefined;

  constructor(request: { replace?: boolean }, signal?: AbortSignal) {
    this.request = request;
    this.signal = signal;
    signal?.addEventListener("abort", () => this.end(new Error("aborted")));
  }

  send(frame: Frame): void {
    this.#frames.push(frame);
    this.#wake();
  }

  end(error?: Error): void {
    this.#over = error ?? true;
    this.#wake();
  }

  #wake(): void {
    const next = this.#next;
    this.#next = Promise.withResolvers();
    next.resolve();
  }

  async *frames() {
    for (;;) {
      const frame = this.#frames.shift();
      if (frame) yield create(PairFrameSchema, { frame });
      else if (this.#over instanceof Error) throw this.#over;
      else if (this.#over) return;
      else await this.#next.promise;
    }
  }
}

/** The link to an agent with this status. */
export class FakeAgent {
  status: StatusInit;
  readonly pairings: Pairing[] = [];

  constructor(status: StatusInit) {
    this.status = status;
  }

  get link(): Link {
    const pair = (request: { replace?: boolean }, options?: { signal?: AbortSignal }) => {
      const pairing = new Pairing(request, options?.signal);
      this.pairings.push(pairing);
      return pairing.frames();
    };
    const link = {
      client: { rpc: { agent: { pair } } },
      status: async () => statusOf(this.status),
      forgetStatus: () => {},
    };
    return link as unknown as Link;
  }
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { SendRequestSchema, SendResponse } from "./api.js";
import { Backoff, sleep } from "./backoff.js";
import { AgentError } from "./error.js";
import { type Link, type Rpc, stopped } from "./rpc.js";

/** The agent's own wait for a state, unless the request sets `timeout`. */
const DEFAULT_WAIT_MS = 30_000;
/** How much longer than its own wait an agent may take, before it counts as hung. */
const ANSWER_MARGIN_MS = 30_000;
const RETRY_FOR_MS = 60_000;

/** A message to send, as in the API. */
export type SendInit = MessageInitShape<typeof SendRequestSchema>;

/** How to repeat a call. */
export interface RetryOptions {
  /** Ends the call. What was sent before stays sent. */
  signal?: AbortSignal;
  /** No new attempt begins this long after the first one. Default 60,000; 0 is for one attempt. */
  retryForMs?: number;
}

/** Sends a message. Repeats the call after a transient failure, if the request has a token and is thereby safe to repeat. */
export async function send(rpc: Rpc, link: Link, request: SendInit, options: RetryOptions): Promise<SendResponse> {
  const call = () => rpc.agent.send(request, { signal: options.signal, timeoutMs: answerLimit(request) });
  return request.clientToken ? repeated(call, link, options) : call();
}

/** Calls until it succeeds, fails permanently, or the time is over. */
export async function repeated<T>(call: () => Promise<T>, link: Link, options: RetryOptions): Promise<T> {
  const end = performance.now() + (options.retryForMs ?? RETRY_FOR_MS);
  const backoff = new Backoff();
  let unknown = false;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!AgentError.is(error)) throw error;
      unknown ||= error.outcomeUnknown;
      // An agent that reconnects by itself says when; nothing was sent.
      const again = error.transient || (error.reason === "NOT_CONNECTED" && error.retryAt !== undefined);
      const wait = Math.max(backoff.next(), error.retryAt ? error.retryAt.getTime() - Date.now() : 0);
      if (!again || performance.now() + wait > end) throw unknown ? undecided(error) : error;
      await sleep(wait, AbortSignal.any([link.closed, ...(options.signal ? [options.signal] : [])]));
      const canceled = stopped(options.signal, link);
      if (canceled) throw canceled;
    }
  }
}

/**
 * An attempt that got no answer may have been carried out. If the last attempt did not reach the agent, or an agent
 * that is not connected, its error alone would hide that.
 */
function undecided(error: AgentError): AgentError {
  if (error.outcomeUnknown || !UNREACHED.has(error.reason)) return error;
  return new AgentError({
    code: Code.Unavailable,
    reason: "OUTCOME_UNKNOWN",
    message: `the outcome is unknown: an attempt got no answer, and then ${error.message}`,
    hint: "call again with the same token once the agent is reachable",
  });
}

const UNREACHED: ReadonlySet<string> = new Set([
  "UNREACHABLE",
  "NO_SUCH_HOST",
  "NO_ANSWER",
  "NOT_AN_AGENT",
  "STOPPING",
]);

/** The time for a response. 0, no limit, for a file: the agent's wait does not include its upload to WhatsApp. */
function answerLimit({ payload, timeout }: SendInit): number {
  if (payload?.case === "content" && payload.value.kind?.case === "media") return 0;
  const waitMs = timeout ? Number(timeout.seconds ?? 0n) * 1_000 + (timeout.nanos ?? 0) / 1_000_000 : DEFAULT_WAIT_MS;
  return waitMs + ANSWER_MARGIN_MS;
}

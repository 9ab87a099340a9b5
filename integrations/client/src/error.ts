import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** What an `AgentError` is made of. */
export interface AgentErrorInit {
  code: Code;
  reason: string;
  message: string;
  hint?: string;
  retryAt?: Date;
  metadata?: Record<string, string>;
}

/**
 * Why a call failed: refused by the agent, or not answered by one. `message` and `hint` hold no message text, so both may be
 * logged.
 */
export class AgentError extends Error {
  override readonly name = "AgentError";
  /** gRPC's class of the failure. */
  readonly code: Code;
  /** The failure's name, for programs: "NOT_LINKED". docs/runbook.md of the agent lists them, the README this library's. */
  readonly reason: string;
  /** What to do about it, for a person. May be empty. */
  readonly hint: string;
  /** When to try again, where that is known. */
  readonly retryAt: Date | undefined;
  /** More about it, by name, as the agent's .proto files say. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(init: AgentErrorInit) {
    super(init.message);
    this.code = init.code;
    this.reason = init.reason;
    this.hint = init.hint ?? "";
    this.retryAt = init.retryAt;
    this.metadata = init.metadata ?? {};
  }

  /** Whether `error` is an `AgentError`, and, if reasons are given, one of these. */
  static is(error: unknown, ...reasons: string[]): error is AgentError {
    return error instanceof AgentError && (reasons.length === 0 || reasons.includes(error.reason));
  }

  /** Any failure of a call as an `AgentError`. */
  static from(error: unknown): AgentError {
    if (error instanceof AgentError) return error;
    const failure = ConnectError.from(error);
    const info = failure.findDetails(ErrorInfoSchema)[0];
    const { hint, ...metadata } = info?.metadata ?? {};
    return new AgentError({
      code: failure.code,
      reason: info?.reason || Code[failure.code].toUpperCase(),
      message: failure.rawMessage,
      hint,
      retryAt: retryAt(failure, metadata),
      metadata,
    });
  }
}

function retryAt(failure: ConnectError, metadata: Record<string, string>): Date | undefined {
  const named = metadata["retry_at"] ? new Date(metadata["retry_at"]) : undefined;
  if (named && !Number.isNaN(named.getTime())) return named;
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (!delay) return undefined;
  return new Date(Date.now() + Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000);
}

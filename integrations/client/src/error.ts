import { Code } from "@connectrpc/connect";

/** The parts of an `AgentError`. */
export interface AgentErrorInit {
  code: Code;
  reason: string;
  message: string;
  hint?: string;
  retryAt?: Date;
  metadata?: Record<string, string>;
}

/**
 * Why a call failed: the agent refused it, or no agent answered. Neither `message` nor `hint` contains text of messages, so
 * both can be logged.
 */
export class AgentError extends Error {
  override readonly name = "AgentError";
  /** The status code of gRPC. */
  readonly code: Code;
  /** The failure's name, for programs: "NOT_LINKED". The agent's runbook lists those of the agent, the README those of this library. */
  readonly reason: string;
  /** The next step, for a person. May be empty. */
  readonly hint: string;
  /** When to try again, if that is known. */
  readonly retryAt: Date | undefined;
  /** Details by name, as documented in the agent's .proto files. */
  readonly metadata: Readonly<Record<string, string>>;

  constructor(init: AgentErrorInit) {
    super(init.message);
    this.code = init.code;
    this.reason = init.reason;
    this.hint = init.hint ?? "";
    this.retryAt = init.retryAt;
    this.metadata = init.metadata ?? {};
  }

  /** Whether `error` is an `AgentError`, and, if reasons are given, has one of them. */
  static is(error: unknown, ...reasons: string[]): error is AgentError {
    return error instanceof AgentError && (reasons.length === 0 || reasons.includes(error.reason));
  }

  /** Whether the same call may succeed later without a change by a person. `watch`, `ack` and `send` retry such failures. */
  get transient(): boolean {
    return TRANSIENT_CODES.has(this.code) && !FINAL_REASONS.has(this.reason);
  }

  /** Whether the call may have had its effect. Only a call with a token, or one without effects, is safe to repeat. */
  get outcomeUnknown(): boolean {
    return UNKNOWN_OUTCOMES.has(this.reason) || this.code === Code.DeadlineExceeded;
  }
}

const TRANSIENT_CODES: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.ResourceExhausted,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
]);

/** Reasons with one of these codes that last until someone acts. */
const FINAL_REASONS: ReadonlySet<string> = new Set([
  "NOT_SENT",
  "TOO_LARGE",
  "TOO_MANY_CONSUMERS",
  "TOO_MANY_CLIENTS",
  "TOO_MANY_CODES",
  "INVALID_REQUEST",
]);

const UNKNOWN_OUTCOMES: ReadonlySet<string> = new Set(["CONNECTION_LOST", "NOT_CONFIRMED", "OUTCOME_UNKNOWN"]);

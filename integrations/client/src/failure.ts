import { Code, ConnectError } from "@connectrpc/connect";
import { AgentError, type AgentErrorInit } from "./error.js";
import { ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** The domain of the agent's own errors. */
const AGENT_DOMAIN = "openclaw.agent";

/** Explains any failure of a call to the agent at `place`. */
export function explain(error: unknown, place: string): AgentError {
  // Also one that was wrapped on its way through the transport.
  const known = causesOf(error).find((cause) => cause instanceof AgentError);
  if (known) return known;
  const failure = ConnectError.from(error);
  return refusal(failure) ?? invalidRequest(failure) ?? unreachable(failure, place) ?? strange(failure, place);
}

/** An error that the agent returned. */
function refusal(failure: ConnectError): AgentError | undefined {
  const info = failure.findDetails(ErrorInfoSchema).find(({ domain }) => domain === AGENT_DOMAIN);
  if (!info) return undefined;
  const { hint, ...metadata } = info.metadata;
  const retryAt = retryTime(failure, metadata);
  return new AgentError({
    code: failure.code,
    reason: info.reason,
    message: failure.rawMessage,
    hint,
    retryAt,
    metadata,
  });
}

function retryTime(failure: ConnectError, metadata: Record<string, string>): Date | undefined {
  const named = new Date(metadata.retry_at ?? Number.NaN);
  if (!Number.isNaN(named.getTime())) return named;
  const delay = failure.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && new Date(Date.now() + Number(delay.seconds) * 1_000 + delay.nanos / 1_000_000);
}

/** A request that cannot be encoded. Its cause may quote the wrong value, which can be text of a message. */
function invalidRequest({ code, rawMessage }: ConnectError): AgentError | undefined {
  const field = /^serialize binary: cannot encode (?:field )?([\w.]+)/.exec(rawMessage)?.[1];
  if (!field && !rawMessage.startsWith("serialize binary: ")) return undefined;
  return new AgentError({
    code: code === Code.Internal ? Code.InvalidArgument : code,
    reason: "INVALID_REQUEST",
    message: field ? `the request has an invalid value in ${field}` : "the request has an invalid value",
    hint: "check the types of the fields against the API",
  });
}

/** Explains a failure for which no answer of an agent came. */
function unreachable(failure: ConnectError, place: string): AgentError | undefined {
  const causes = causesOf(failure);
  const codes = causes.map((cause) => (cause as NodeJS.ErrnoException).code).filter((code) => typeof code === "string");
  for (const [matches, init] of CAUSES) {
    const code = codes.find((code) => matches.test(code));
    if (code) return failed(init, place, code);
  }
  if (failure.rawMessage.includes("timed out")) return failed(SILENT, place);
  return undefined;
}

/** What remains: a call that was cut off, or a peer that is not an agent. Its words are not shown, they may be anything. */
function strange({ code, rawMessage }: ConnectError, place: string): AgentError {
  const cutOff = code === Code.Canceled || /^(http\/2 stream closed|protocol error)/.test(rawMessage);
  return failed(cutOff ? LOST : NOT_AN_AGENT, place);
}

function failed(init: Omit<AgentErrorInit, "metadata">, place: string, cause?: string): AgentError {
  const message = init.message.replace("PLACE", place) + (cause ? ` (${cause})` : "");
  return new AgentError({ ...init, message });
}

/** The error and its causes, nearest first. Node reports several addresses that failed as one error with `errors`. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = [];
  for (let next = error; next instanceof Error && causes.length < 8; next = next.cause) {
    causes.push(next);
    if (next instanceof AggregateError) causes.push(...next.errors);
  }
  return causes;
}

const LOST = {
  code: Code.Unavailable,
  reason: "CONNECTION_LOST",
  message: "the connection to the agent at PLACE was lost",
  hint: "check that the agent runs: `openclawctl status`",
};

const SILENT = {
  code: Code.Unavailable,
  reason: "NO_ANSWER",
  message: "the agent at PLACE did not answer in time",
  hint: "check that the agent runs, and that no firewall is in between; see its log",
};

const NOT_AN_AGENT = {
  code: Code.Unavailable,
  reason: "NOT_AN_AGENT",
  message: "the server at PLACE is not an agent",
  hint: "the address must be the agent's --listen as raw TCP (a TCP proxy, not HTTP), or its socket",
};

/** Node's error codes, and what they mean for a call. The first match counts. */
const CAUSES: readonly (readonly [RegExp, Omit<AgentErrorInit, "metadata">])[] = [
  [
    /^(ENOENT|ECONNREFUSED)$/,
    {
      code: Code.Unavailable,
      reason: "UNREACHABLE",
      message: "cannot reach the agent at PLACE: nothing listens there",
      hint: "start the agent, and check the path of its socket (OPENCLAW_SOCKET) or the port of its --listen",
    },
  ],
  [
    /^(EACCES|EPERM)$/,
    {
      code: Code.PermissionDenied,
      reason: "UNREACHABLE",
      message: "cannot reach the agent at PLACE: permission denied",
      hint: "only the agent's own user and root may use its socket: run this as that user",
    },
  ],
  [
    /^(ENOTFOUND|EAI_\w+)$/,
    {
      code: Code.Unavailable,
      reason: "NO_SUCH_HOST",
      message: "cannot reach the agent at PLACE: no address was found for its name",
      hint: "check the host's spelling, and that this machine is online",
    },
  ],
  [/^(ETIMEDOUT|ERR_SOCKET_CONNECTION_TIMEOUT)$/, SILENT],
  [
    /^(ENOTSOCK|EHOSTUNREACH|ENETUNREACH|ENETDOWN|EHOSTDOWN|EADDRNOTAVAIL|EINVAL|ENAMETOOLONG|ENOTDIR|EPROTOTYPE)$/,
    {
      code: Code.Unavailable,
      reason: "UNREACHABLE",
      message: "cannot reach the agent at PLACE",
      hint: "check the address, and that this machine has a network; the path of a socket has at most 107 bytes",
    },
  ],
  [
    /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH|ERR_TLS_CERT_\w+|ERR_SSL_\w*CERTIFICATE_VERIFY\w*|ERR_OSSL_\w*)$/,
    {
      code: Code.Unauthenticated,
      reason: "WRONG_AGENT",
      message: "the server at PLACE is not the agent that these keys are for",
      hint: "do not continue unless you know why: someone may intercept the connection. If the agent was set up again, enroll again and export the keys again: `openclawctl enroll`, `openclawctl context export --pem DIR`",
    },
  ],
  [
    /^ERR_SSL_\w*(ALERT_(ACCESS_DENIED|BAD_CERTIFICATE|CERTIFICATE_UNKNOWN|CERTIFICATE_REVOKED|UNKNOWN_CA|CERTIFICATE_REQUIRED)|CERTIFICATE_REQUIRED)$/,
    {
      code: Code.Unauthenticated,
      reason: "KEY_UNKNOWN",
      message: "the agent at PLACE does not know this client's key: it was revoked, or the agent was set up again",
      hint: "ask an admin for a code (`openclawctl clients invite`), then `openclawctl enroll` and `openclawctl context export --pem DIR`",
    },
  ],
  [/^(ERR_SSL_\w+|EPROTO|ERR_HTTP2_ERROR|ERR_HTTP2_SESSION_ERROR|ERR_TLS_\w+)$/, NOT_AN_AGENT],
  [/^(ECONNRESET|EPIPE|ECONNABORTED|ERR_HTTP2_\w+|ERR_STREAM_\w+)$/, LOST],
];

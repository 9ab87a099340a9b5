/** What the agent's status means for the gateway: one word, and what a person has to do. */
import { AgentError, LinkState, Policy, Role, type StatusResponse } from "@openclaw-agent/client";
import { NoAgentError } from "../agents.js";
import type { Account } from "../config/account.js";

/** A problem of an account, in the gateway's terms. */
export interface Issue {
  kind: "permissions" | "config" | "auth" | "runtime";
  message: string;
  fix?: string;
}

/** The link of an account. */
export interface LinkView {
  /** The state of the link in lower case, "unreachable" or "misconfigured" if the agent cannot be asked. */
  state: string;
  /** Whether a phone is linked. Undefined: not known. */
  linked?: boolean;
  /** Whether messages can be sent and received now. */
  connected: boolean;
  issues: Issue[];
}

const LOGIN = "openclaw channels login --channel whatsapp";

/** The link as the agent reports it. */
export function viewOf(status: StatusResponse, account: Account): LinkView {
  const link = status.link;
  const state = (LinkState[link?.state ?? 0] ?? "UNSPECIFIED").toLowerCase();
  const issues = [...linkIssues(status, account), ...accessIssues(status, account)];
  const unlinked = link?.state === LinkState.UNLINKED || (link?.state === LinkState.LINKING && !link.phone);
  return {
    state,
    linked: !unlinked && link?.state !== LinkState.LOGGED_OUT,
    connected: link?.state === LinkState.CONNECTED,
    issues,
  };
}

/** The link of an agent that could not be asked. */
export function viewOfFailure(error: unknown, account: Account): LinkView {
  if (error instanceof NoAgentError)
    return { state: "misconfigured", connected: false, issues: [{ kind: "config", message: error.message }] };
  return { state: "unreachable", connected: false, issues: [failureIssue(error, account)] };
}

/** A failed call as an issue: the agent's own words and hint, else where it was looked for. */
export function failureIssue(error: unknown, account: Account): Issue {
  if (AgentError.is(error) && error.hint) return { kind: "runtime", message: sentence(error.message), fix: error.hint };
  const message = error instanceof Error ? error.message : String(error);
  return { kind: "runtime", message: `The agent does not answer: ${message}`, fix: whereToLook(account) };
}

function whereToLook({ agent }: Account): string {
  if (agent.kind === "socket") return `start the agent on this machine, with its socket at ${agent.path}`;
  if (agent.kind === "tls")
    return `check that the agent listens on ${agent.address}, and that this gateway is enrolled with it`;
  return agent.fix;
}

function linkIssues(status: StatusResponse, account: Account): Issue[] {
  const link = status.link;
  const suffix = account.id === "default" ? "" : ` --account ${account.id}`;
  const hint = link?.hint || undefined;
  const issue = (kind: Issue["kind"], message: string, fix?: string): Issue[] => [
    { kind, message, ...(fix ? { fix } : {}) },
  ];
  switch (link?.state) {
    case LinkState.UNLINKED:
      return issue("auth", "Not linked: no phone has linked the agent.", `run \`${LOGIN}${suffix}\``);
    case LinkState.LINKING:
      return link.phone ? [] : issue("auth", "A pairing is in progress.", "scan its code with the phone");
    case LinkState.LOGGED_OUT:
      return issue(
        "auth",
        `WhatsApp has logged this device out${codeOf(link.code)}.`,
        hint ?? `run \`${LOGIN}${suffix}\``,
      );
    case LinkState.REPLACED:
      return issue(
        "runtime",
        "Another process uses the same session: an old gateway with Baileys, perhaps.",
        hint ?? "stop it, then run `openclawctl resume`",
      );
    case LinkState.BANNED:
      return issue("runtime", `WhatsApp has banned the account${until(link.bannedUntil?.seconds)}.`, hint);
    case LinkState.OUTDATED:
      return issue("runtime", "WhatsApp no longer accepts this version of the agent.", hint ?? "update the agent");
    case LinkState.BACKING_OFF:
      return issue(
        "runtime",
        `The agent has lost WhatsApp and reconnects${codeOf(link.code)}.`,
        hint ?? status.network?.hint,
      );
    default:
      return restrictionIssues(status);
  }
}

function restrictionIssues(status: StatusResponse): Issue[] {
  const issues: Issue[] = [];
  const restriction = status.link?.restriction;
  if (restriction)
    issues.push({
      kind: "runtime",
      message: `WhatsApp restricts the account${codeOf(restriction.code)}${until(restriction.until?.seconds)}: it can answer, but not start new chats.`,
      fix: "wait for the end; messages to new chats are refused until then",
    });
  if (status.hold)
    issues.push({
      kind: "runtime",
      message: "The agent holds every message, because its store was rolled back.",
      fix: status.hold.hint || "see `openclawctl rollback`",
    });
  return issues;
}

/** What the agent does not let through: these calls or people never reach the gateway. */
function accessIssues(status: StatusResponse, account: Account): Issue[] {
  const issues: Issue[] = [];
  if (status.caller?.role === Role.READER)
    issues.push({
      kind: "permissions",
      message: "The gateway is enrolled with the role reader: it can neither answer nor keep its position.",
      fix: "enroll it with the role sender, or operator if it shall link the phone: `openclawctl clients invite --role operator`",
    });
  return [...issues, ...hiddenByRules(status, account)];
}

/**
 * The agent drops what its own rules do not allow, before the gateway sees it: the gateway can then send no pairing code, and
 * answers in no such group, whatever its own policy says.
 */
function hiddenByRules({ rules }: StatusResponse, { settings }: Account): Issue[] {
  if (!rules || rules.unrestricted) return [];
  const file = rules.file ? ` (${rules.file})` : "";
  const issues: Issue[] = [];
  const dmPolicy = settings.dmPolicy ?? "pairing";
  if (restricts(rules.dmPolicy) && (dmPolicy === "pairing" || dmPolicy === "open")) {
    const effect = dmPolicy === "pairing" ? "no pairing code is sent to other people" : "other people get no answer";
    issues.push({
      kind: "config",
      message: `The agent's own allowlist${file} lets only listed people through: ${effect}, although dmPolicy is "${dmPolicy}".`,
      fix: 'set `dmPolicy: open` and `allowFrom: ["*"]` in the agent\'s rules, so that the gateway decides alone, or set the gateway\'s dmPolicy to "allowlist"',
    });
  }
  if (restricts(rules.groupPolicy) && settings.groupPolicy === "open")
    issues.push({
      kind: "config",
      message: `The agent's own allowlist${file} restricts groups, although the gateway's groupPolicy is "open".`,
      fix: "set `groupPolicy: open` in the agent's rules, so that the gateway decides alone",
    });
  return issues;
}

function restricts(policy: Policy): boolean {
  return policy === Policy.ALLOWLIST || policy === Policy.DISABLED;
}

function codeOf(code: number): string {
  return code ? ` (code ${code})` : "";
}

function until(seconds: bigint | undefined): string {
  return seconds === undefined ? "" : ` until ${new Date(Number(seconds) * 1_000).toISOString()}`;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** A phone number as it may be shown: country code and last two digits. */
export function maskPhone(phone: string): string {
  return phone.length > 6 ? `${phone.slice(0, 3)}…${phone.slice(-2)}` : "…";
}

import { readFileSync } from "node:fs";
import { Agent, type StatusResponse } from "@openclaw-agent/client";
import type { Account } from "./config/account.js";
import type { Endpoint } from "./config/endpoint.js";

/** How long a status may be reused: identity changes only with a pairing, which drops it. */
const STATUS_MAX_AGE_MS = 5_000;

/** The linked account of an agent. */
export interface Self {
  /** True if a phone has linked the agent, also while the link is down. */
  linked: boolean;
  /** The account's number in E.164. */
  phone?: string;
  /** The account's LID: "123456@lid". */
  lid?: string;
}

/** The connection to the agent of one account, shared by all that uses it. */
export interface Link {
  readonly client: Agent;
  /** The linked account. Rejects if the agent is unreachable. */
  self(): Promise<Self>;
  /** The agent's status, at most a few seconds old. */
  status(options?: { fresh?: boolean; timeoutMs?: number }): Promise<StatusResponse>;
  /** Forgets the cached status, after the link has changed. */
  forgetStatus(): void;
}

/** No agent is configured for an account. The message has the fix. */
export class NoAgentError extends Error {
  override readonly name = "NoAgentError";
}

const links = new Map<string, { endpoint: string; link: AgentLink }>();

/** The shared connection of an account. Connects lazily, at the first call. Throws NoAgentError, or if the keys cannot be read. */
export function agentOf(account: Account): Link {
  const endpoint = JSON.stringify(account.agent);
  const known = links.get(account.id);
  if (known?.endpoint === endpoint) return known.link;
  const link = new AgentLink(connect(account.agent));
  known?.link.client.close();
  links.set(account.id, { endpoint, link });
  return link;
}

/** Closes every connection. Later calls connect again. */
export function closeAgents(): void {
  for (const { link } of links.values()) link.client.close();
  links.clear();
}

/** Opens a connection that is not shared. */
export function connect(endpoint: Endpoint): Agent {
  if (endpoint.kind === "missing") throw new NoAgentError(`${endpoint.problem}: ${endpoint.fix}`);
  if (endpoint.kind === "socket") return Agent.connect({ socket: endpoint.path });
  const [ca, cert, key] = [endpoint.ca, endpoint.cert, endpoint.key].map((path) => readFileSync(path, "utf8")) as [
    string,
    string,
    string,
  ];
  return Agent.connect({ address: endpoint.address, ca, cert, key });
}

/** Whether a phone has linked the agent: a device that WhatsApp has logged out keeps its number until the next pairing. */
export function selfOf(status: StatusResponse): Self {
  const phone = status.link?.phone || undefined;
  const lid = status.link?.lid || undefined;
  return { linked: phone !== undefined, ...(phone ? { phone } : {}), ...(lid ? { lid } : {}) };
}

class AgentLink implements Link {
  readonly client: Agent;
  #status: { at: number; value: Promise<StatusResponse> } | undefined;

  constructor(client: Agent) {
    this.client = client;
  }

  async self(): Promise<Self> {
    return selfOf(await this.status());
  }

  status(options: { fresh?: boolean; timeoutMs?: number } = {}): Promise<StatusResponse> {
    const cached = this.#status;
    if (cached && !options.fresh && performance.now() - cached.at < STATUS_MAX_AGE_MS) return cached.value;
    const value = this.client.rpc.agent.status({}, { timeoutMs: options.timeoutMs ?? 10_000 });
    const entry = { at: performance.now(), value };
    this.#status = entry;
    value.catch(() => {
      if (this.#status === entry) this.#status = undefined;
    });
    return value;
  }

  forgetStatus(): void {
    this.#status = undefined;
  }
}

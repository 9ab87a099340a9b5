import { type AgentError, LinkState, type LinkStatus } from "@openclaw-agent/client";
import type { ChannelAccountSnapshot, ChannelGatewayContext } from "openclaw/plugin-sdk/channel-contract";
import type { Account } from "../config/account.js";

/** What is published about an account. Never `linked: false`: the gateway would not start the account again. */
export type StatusPatch = Omit<Partial<ChannelAccountSnapshot>, "accountId" | "linked">;

interface StateFacts {
  name: string;
  health: string;
  /** "blocked" needs a person; the account goes on watching, so that it is there when the person is done. */
  lifecycle: NonNullable<ChannelAccountSnapshot["lifecycle"]>;
  problem?: string;
}

const RECOVERING = { health: "reconnecting", lifecycle: "recovering" } as const;
const STATES: Record<LinkState, StateFacts> = {
  [LinkState.UNSPECIFIED]: { name: "unknown", ...RECOVERING },
  [LinkState.UNLINKED]: { name: "unlinked", health: "logged-out", lifecycle: "blocked", problem: "no phone is linked" },
  [LinkState.LINKING]: { name: "linking", health: "starting", lifecycle: "recovering" },
  [LinkState.CONNECTING]: { name: "connecting", ...RECOVERING, problem: "the agent connects to WhatsApp" },
  [LinkState.CONNECTED]: { name: "connected", health: "healthy", lifecycle: "ready" },
  [LinkState.BACKING_OFF]: {
    name: "backing_off",
    ...RECOVERING,
    problem: "the agent has lost WhatsApp, and reconnects",
  },
  [LinkState.LOGGED_OUT]: {
    name: "logged_out",
    health: "logged-out",
    lifecycle: "blocked",
    problem: "WhatsApp has logged the agent out",
  },
  [LinkState.REPLACED]: {
    name: "replaced",
    health: "conflict",
    lifecycle: "blocked",
    problem: "another process uses the agent's link",
  },
  [LinkState.BANNED]: {
    name: "banned",
    health: "logged-out",
    lifecycle: "blocked",
    problem: "WhatsApp has banned the account",
  },
  [LinkState.OUTDATED]: {
    name: "outdated",
    health: "conflict",
    lifecycle: "blocked",
    problem: "WhatsApp no longer accepts this version of the agent",
  },
};

/** The patch for a state of the link. */
export function linkPatch(link: LinkStatus | undefined, now: number): StatusPatch {
  const facts = STATES[link?.state ?? LinkState.UNSPECIFIED] ?? STATES[LinkState.UNSPECIFIED];
  const common = { statusState: facts.name, healthState: facts.health, lifecycle: facts.lifecycle, lastEventAt: now };
  if (facts.lifecycle === "ready")
    return {
      ...common,
      connected: true,
      lastConnectedAt: now,
      lastError: null,
      reconnectAttempts: 0,
      terminalDisconnect: false,
    };
  const error = [facts.problem ?? facts.name, link?.hint].filter(Boolean).join(": ");
  return {
    ...common,
    connected: false,
    lastError: error,
    lastDisconnect: {
      at: now,
      error,
      loggedOut: link?.state === LinkState.LOGGED_OUT,
      ...(link?.code ? { status: link.code } : {}),
    },
    reconnectAttempts: link?.attempt ?? 0,
  };
}

/** The patch for an agent that does not answer. Its texts can be logged: they have no numbers and no text of messages. */
export function lostPatch(error: Pick<AgentError, "message" | "hint">, now: number): StatusPatch {
  const text = [error.message, error.hint].filter(Boolean).join(": ");
  return {
    connected: false,
    statusState: "unreachable",
    healthState: "reconnecting",
    lifecycle: "recovering",
    lastEventAt: now,
    lastError: text,
    lastDisconnect: { at: now, error: text },
  };
}

/** Publishes the state of one account. */
export class StatusReporter {
  readonly #ctx: Pick<ChannelGatewayContext<Account>, "accountId" | "getStatus" | "setStatus">;
  #connected = false;

  constructor(ctx: Pick<ChannelGatewayContext<Account>, "accountId" | "getStatus" | "setStatus">) {
    this.#ctx = ctx;
  }

  get connected(): boolean {
    return this.#connected;
  }

  starting(): void {
    this.#publish({ running: true, connected: false, lastError: null, healthState: "starting", lifecycle: "starting" });
  }

  /** True if the account was not connected before, and is now. */
  link(link: LinkStatus | undefined): boolean {
    const patch = linkPatch(link, Date.now());
    const isNew = patch.connected === true && !this.#connected;
    // A repeated state keeps the time of the connection.
    if (patch.connected === true && !isNew) delete patch.lastConnectedAt;
    this.#publish({ running: true, ...patch });
    return isNew;
  }

  lost(error: Pick<AgentError, "message" | "hint">): void {
    this.#publish({ running: true, ...lostPatch(error, Date.now()) });
  }

  heartbeat(): void {
    if (this.#connected) this.#publish({ lastTransportActivityAt: Date.now() });
  }

  inbound(): void {
    const now = Date.now();
    this.#publish({ lastInboundAt: now, lastMessageAt: now, lastEventAt: now, lastTransportActivityAt: now });
  }

  stopped(): void {
    this.#publish({ running: false, connected: false, healthState: "stopped", lifecycle: "stopped" });
  }

  #publish(patch: StatusPatch): void {
    if (patch.connected !== undefined) this.#connected = patch.connected;
    this.#ctx.setStatus({ ...this.#ctx.getStatus(), ...patch, accountId: this.#ctx.accountId });
  }
}

import { createHash } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { AgentError, EventKind, LinkState, type LinkStatus, type WatchEventsResponse } from "@openclaw-agent/client";
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { CHANNEL_APPROVAL_NATIVE_RUNTIME_CONTEXT_CAPABILITY } from "openclaw/plugin-sdk/approval-handler-runtime";
import type { ChannelGatewayContext } from "openclaw/plugin-sdk/channel-contract";
import { registerChannelRuntimeContext } from "openclaw/plugin-sdk/channel-runtime-context";
import { resolveAgentRoute } from "openclaw/plugin-sdk/routing";
import { getRuntimeConfig } from "openclaw/plugin-sdk/runtime-config-snapshot";
import { agentOf, type Link, type Self } from "../agents.js";
import { type Account, resolveAccount } from "../config/account.js";
import { CHANNEL_ID, PLUGIN_ID } from "../config/settings.js";
import { drainDeliveries } from "../outbound/index.js";
import { getRuntime } from "../runtime.js";
import { Debouncer } from "./debounce.js";
import { sendReadReceipts } from "./feedback.js";
import { GroupNames } from "./groups.js";
import { EventHandler } from "./handler.js";
import { GroupHistories } from "./history.js";
import { Intake } from "./intake.js";
import { People } from "./people.js";
import { accountConfig } from "./policy.js";
import { routeMessage } from "./routing.js";
import type { Log, Scope } from "./scope.js";
import { StatusReporter } from "./status.js";
import { TakenEvents } from "./taken.js";

/** Wait before another attempt after a failure that only a person ends, or that was not foreseen. */
const RETRY_MS = 15_000;
const STATUS_RETRY_MS = 1_000;
const DRAIN_INTERVAL_MS = 30_000;
/** How long a stop waits for what has begun. What is not done then arrives again. */
const STOP_TIMEOUT_MS = 5_000;

/** Without receipts, outcomes and calls, which say nothing to the gateway. */
const KINDS = [
  EventKind.MESSAGE,
  EventKind.REACTION,
  EventKind.EDIT,
  EventKind.DELETION,
  EventKind.GROUP_CHANGE,
  EventKind.LINK,
];

/** One for each account, so that an account that is reloaded knows what the one before it has handed over meanwhile. */
const takenFiles = new Map<string, Promise<TakenEvents>>();

/** Hands the events of an account's agent to the gateway until the gateway stops the account. Waits out every outage. */
export async function monitorAccount(ctx: ChannelGatewayContext<Account>): Promise<void> {
  const log = logOf(ctx);
  const status = new StatusReporter(ctx);
  status.starting();
  try {
    while (!ctx.abortSignal.aborted) {
      try {
        await new Monitor(ctx, log, status, await takenEvents(ctx.accountId, log)).run();
      } catch (error) {
        const problem = error instanceof Error ? error : new Error("unknown error");
        const hint = AgentError.is(error) ? error.hint : "";
        log.error(`${problem.message}${hint ? `: ${hint}` : ""}`);
        status.lost({ message: problem.message, hint });
      }
      await delay(RETRY_MS, undefined, { signal: ctx.abortSignal }).catch(() => {});
    }
  } finally {
    status.stopped();
  }
}

/** The account while its agent can be watched. */
class Monitor {
  readonly #ctx: ChannelGatewayContext<Account>;
  readonly #log: Log;
  readonly #status: StatusReporter;
  readonly #link: Link;
  readonly #scope: Scope;
  readonly #intake: Intake;
  readonly #tasks = new Set<Promise<unknown>>();
  /** The stream has begun anew: what the agent is linked to may have changed. */
  #stale = true;

  constructor(ctx: ChannelGatewayContext<Account>, log: Log, status: StatusReporter, taken: TakenEvents) {
    this.#ctx = ctx;
    this.#log = log;
    this.#status = status;
    this.#link = agentOf(ctx.account);
    this.#scope = this.#createScope();
    const scope = this.#scope;
    const debouncer = new Debouncer(
      scope,
      async (message, lifecycle) => {
        // Waited for other messages while the account was stopped: arrives again.
        ctx.abortSignal.throwIfAborted();
        return routeMessage(scope, message, lifecycle);
      },
      (messages) => sendReadReceipts(scope, scope.cfg(), messages),
    );
    const handler = new EventHandler(scope, new People(this.#link.client), debouncer);
    this.#intake = new Intake({
      handle: (event, lifecycle) => handler.handle(event, lifecycle),
      ack: async (seq) => void (await this.#link.client.ack(ctx.account.consumer, seq, { signal: ctx.abortSignal })),
      taken,
      log,
      signal: ctx.abortSignal,
    });
  }

  /** Resolves when the gateway stops the account. Rejects if watching does not help any more. */
  async run(): Promise<void> {
    const { abortSignal, account } = this.#ctx;
    const lease = registerChannelRuntimeContext({
      channelRuntime: this.#ctx.channelRuntime,
      channelId: CHANNEL_ID,
      accountId: account.id,
      capability: CHANNEL_APPROVAL_NATIVE_RUNTIME_CONTEXT_CAPABILITY,
      context: { accountId: account.id },
      abortSignal,
    });
    const drain = setInterval(() => this.#drain(false), DRAIN_INTERVAL_MS);
    try {
      const items = this.#link.client.watch({
        consumer: account.consumer,
        filter: { kinds: KINDS },
        signal: abortSignal,
        onLost: (error) => this.#lost(error),
        onResumed: () => {
          this.#stale = true;
        },
      });
      for await (const item of items) {
        if (this.#stale) await this.#refresh();
        await this.#take(item);
      }
    } finally {
      clearInterval(drain);
      lease?.dispose();
      await this.#stop();
    }
  }

  async #take({ item }: WatchEventsResponse): Promise<void> {
    if (item.case === "event") {
      // The event may be an old one that was not acknowledged: the agent knows how it is now.
      if (item.value.kind.case === "link") await this.#refresh();
      await this.#intake.accept(item.value);
    } else if (item.case === "heartbeat") {
      this.#intake.heartbeat(item.value.head);
      this.#status.heartbeat();
    } else if (item.case === "gap") {
      this.#log.warn(
        `events ${item.value.first} to ${item.value.last} are missing${item.value.damaged ? " (damaged)" : ""}`,
      );
      this.#intake.heartbeat(item.value.last);
    }
  }

  /** Asks the agent whom it is linked to. Nothing is handled before that is known: who is meant depends on it. */
  async #refresh(): Promise<void> {
    while (!this.#ctx.abortSignal.aborted) {
      try {
        const { link } = await this.#link.status({ fresh: true });
        this.#stale = false;
        this.#noteLink(link);
        return;
      } catch (error) {
        this.#lost(error);
        await delay(STATUS_RETRY_MS, undefined, { signal: this.#ctx.abortSignal }).catch(() => {});
      }
    }
  }

  #noteLink(link: LinkStatus | undefined): void {
    this.#link.forgetStatus();
    if (link?.phone) this.#scope.self = identityOf(link);
    const wasConnected = this.#status.connected;
    if (this.#status.link(link)) this.#connected(link);
    else if (wasConnected && link?.state !== LinkState.CONNECTED) this.#announce("WhatsApp gateway disconnected.");
  }

  #connected(link: LinkStatus | undefined): void {
    this.#scope.connectedAt = Date.now();
    this.#log.info("listening for WhatsApp messages");
    this.#announce(`WhatsApp gateway connected${link?.phone ? ` as ${link.phone}` : ""}.`);
    this.#drain(true);
  }

  #lost(error: unknown): void {
    const problem = error instanceof Error ? error : new Error("the agent does not answer");
    const hint = AgentError.is(error) ? error.hint : "";
    this.#log.warn(`agent unreachable: ${problem.message}`);
    this.#status.lost({ message: problem.message, hint });
  }

  /** Tells the assistant, with its next turn. */
  #announce(text: string): void {
    const { sessionKey } = resolveAgentRoute({
      cfg: this.#scope.cfg(),
      channel: CHANNEL_ID,
      accountId: this.#ctx.accountId,
    });
    this.#scope.runtime.system.enqueueSystemEvent(text, { sessionKey });
  }

  /** Repeats deliveries that wait in the gateway's queue. */
  #drain(reconnected: boolean): void {
    if (!this.#status.connected) return;
    const { accountId, log } = this.#scope;
    const task = drainDeliveries({ cfg: this.#scope.cfg(), accountId, log }, { reconnected });
    this.#scope.background(task.catch((error) => log.warn(`queue not drained: ${(error as Error).name}`)));
  }

  async #stop(): Promise<void> {
    const finished = Promise.allSettled([this.#intake.stop(), ...this.#tasks]);
    await Promise.race([finished, delay(STOP_TIMEOUT_MS, undefined, { ref: false })]);
  }

  #createScope(): Scope {
    const { accountId, account, abortSignal, channelRuntime } = this.#ctx;
    const settings = currentSettings(accountId);
    return {
      accountId,
      runtime: getRuntime(),
      channelRuntime,
      link: this.#link,
      log: this.#log,
      signal: abortSignal,
      groups: new GroupNames(this.#link.client),
      histories: new GroupHistories(),
      self: { linked: false },
      connectedAt: Date.now(),
      // The endpoint and the consumer stay: the gateway restarts the account when they change.
      account: () => ({ ...settings().account, agent: account.agent, consumer: account.consumer }),
      cfg: () => settings().cfg,
      noteInbound: () => this.#status.inbound(),
      background: (task) => {
        this.#tasks.add(task);
        void task.finally(() => this.#tasks.delete(task)).catch(() => {});
      },
    };
  }
}

/** The settings that are in force, resolved once for each version of the configuration. */
function currentSettings(accountId: string): () => { account: Account; cfg: OpenClawConfig } {
  let known: { source: OpenClawConfig; account: Account; cfg: OpenClawConfig } | undefined;
  return () => {
    const source = getRuntimeConfig();
    if (known?.source !== source) {
      const account = resolveAccount(source, accountId);
      known = { source, account, cfg: accountConfig(source, account) };
    }
    return known;
  };
}

function identityOf(link: LinkStatus): Self {
  return { linked: true, phone: link.phone, ...(link.lid ? { lid: link.lid } : {}) };
}

function takenEvents(accountId: string, log: Log): Promise<TakenEvents> {
  // Hashed, because an account's id may have any characters.
  const name = createHash("sha256").update(accountId).digest("hex").slice(0, 24);
  const path = join(getRuntime().state.resolveStateDir(), PLUGIN_ID, `taken-${name}.jsonl`);
  const known = takenFiles.get(path);
  if (known) return known;
  const loading = TakenEvents.load(path).then(({ taken, damaged }) => {
    if (damaged > 0) log.warn(`${damaged} unreadable lines in ${path} were skipped`);
    return taken;
  });
  takenFiles.set(path, loading);
  loading.catch(() => takenFiles.delete(path));
  return loading;
}

function logOf(ctx: ChannelGatewayContext<Account>): Log {
  const tag = `[${ctx.accountId}] `;
  const sink = ctx.log;
  return {
    debug: (message) => sink?.debug?.(tag + message),
    info: (message) => sink?.info(tag + message),
    warn: (message) => sink?.warn(tag + message),
    error: (message) => sink?.error(tag + message),
  };
}

/** The gateway's status of an account: what the monitor has recorded, and what the agent reports now. */
import { DEFAULT_ACCOUNT_ID, type OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import {
  createAsyncComputedAccountStatusAdapter,
  createDefaultChannelRuntimeState,
} from "openclaw/plugin-sdk/status-helpers";
import { agentOf, selfOf } from "../agents.js";
import type { Account } from "../config/account.js";
import { formatRefusal, refusalsOf, refusedSettings } from "../config/refused.js";
import { CHANNEL_ID } from "../config/settings.js";
import { type Issue, type LinkView, maskPhone, viewOf, viewOfFailure } from "./state.js";

/** Status must answer quickly, also while the agent is away. */
const STATUS_TIMEOUT_MS = 3_000;

/** What `channels status --probe` asks the agent. */
export interface Probe {
  ok: boolean;
  state: string;
  version?: string;
  role?: string;
  self?: string;
  error?: string;
  issues: Issue[];
}

/** Asks the agent for the link of an account. Never rejects. */
export async function lookAt(
  account: Account,
  options: { fresh?: boolean; timeoutMs?: number } = {},
): Promise<LinkView> {
  try {
    return viewOf(await agentOf(account).status({ timeoutMs: STATUS_TIMEOUT_MS, ...options }), account);
  } catch (error) {
    return viewOfFailure(error, account);
  }
}

async function probe(account: Account, timeoutMs: number): Promise<Probe> {
  try {
    const status = await agentOf(account).status({ fresh: true, timeoutMs });
    const { state, connected, issues } = viewOf(status, account);
    const self = selfOf(status).phone;
    return {
      ok: connected,
      state,
      issues,
      ...(status.build ? { version: status.build.version } : {}),
      ...(self ? { self: maskPhone(self) } : {}),
      ...(connected ? {} : { error: issues[0]?.message ?? state }),
    };
  } catch (error) {
    const { state, issues } = viewOfFailure(error, account);
    return { ok: false, state, error: issues[0]?.message ?? state, issues };
  }
}

function refusalIssues(cfg: OpenClawConfig, account: Account): Issue[] {
  return refusalsOf(cfg, account.id).map(({ path, problem, fix }) => ({
    kind: "config",
    message: `${path}: ${problem}.`,
    fix,
  }));
}

type Status = NonNullable<ChannelPlugin<Account, Probe>["status"]>;

/** What the monitor publishes, shown as it is. */
const RECORDED = [
  "reconnectAttempts",
  "lastConnectedAt",
  "lastDisconnect",
  "lastInboundAt",
  "lastMessageAt",
  "lastEventAt",
  "lastTransportActivityAt",
  "busy",
  "lastRunActivityAt",
  "healthState",
  "lifecycle",
  "terminalDisconnect",
] as const;

type Snapshot = Parameters<NonNullable<Status["collectStatusIssues"]>>[0][number];

function recorded(runtime: Snapshot | undefined): Partial<Snapshot> {
  return Object.fromEntries(RECORDED.flatMap((key) => (runtime?.[key] === undefined ? [] : [[key, runtime[key]]])));
}

/** Issues of the accounts, from `issues` of their snapshots: the agent has named them, with what to do. */
export function collectStatusIssues(accounts: Snapshot[]) {
  return accounts
    .filter(({ enabled }) => enabled !== false)
    .flatMap((snapshot) => {
      const { issues } = snapshot as Snapshot & { issues?: Issue[] };
      return (issues ?? []).map((issue) => ({ channel: CHANNEL_ID, accountId: snapshot.accountId, ...issue }));
    });
}

export const status: Status = createAsyncComputedAccountStatusAdapter<Account, Probe>({
  defaultRuntime: createDefaultChannelRuntimeState(DEFAULT_ACCOUNT_ID, { connected: false, reconnectAttempts: 0 }),
  collectStatusIssues,
  probeAccount: async ({ account, timeoutMs }) => await probe(account, timeoutMs),
  formatCapabilitiesProbe: ({ probe: result }) => [
    {
      text: `Agent: ${result.version ? `openclaw-agent ${result.version}, ` : ""}${result.state}`,
      tone: result.ok ? "success" : "warn",
    },
    ...result.issues.map(({ message, fix }) => ({
      text: `${message}${fix ? ` Fix: ${fix}` : ""}`,
      tone: "warn" as const,
    })),
  ],
  buildChannelSummary: async ({ account, snapshot }) => {
    const view = await lookAt(account);
    return {
      configured: account.agent.kind !== "missing",
      statusState: view.state,
      ...(view.linked === undefined ? {} : { linked: view.linked }),
      running: snapshot.running ?? false,
      connected: snapshot.connected ?? view.connected,
      lastError: snapshot.lastError ?? null,
      ...recorded(snapshot),
    };
  },
  resolveAccountSnapshot: async ({ account, cfg, runtime }) => {
    const now = await lookAt(account);
    return {
      accountId: account.id,
      ...(account.name ? { name: account.name } : {}),
      enabled: account.enabled,
      configured: account.agent.kind !== "missing",
      extra: {
        ...recorded(runtime),
        statusState: now.state,
        // Only in this answer: in the gateway's own record `linked: false` would keep the account from ever starting.
        ...(now.linked === undefined ? {} : { linked: now.linked }),
        connected: runtime?.connected ?? false,
        dmPolicy: account.settings.dmPolicy,
        allowFrom: account.settings.allowFrom,
        issues: [...now.issues, ...refusalIssues(cfg, account)],
      },
    };
  },
  logSelfId: ({ account, runtime }) => {
    void lookAt(account).then((view) => runtime.log(`WhatsApp (${account.id}): ${view.state}`));
  },
});

/** Refused settings and problems as lines, for doctor. */
export function issueLines(account: Account, issues: Issue[]): string[] {
  const prefix = account.id === DEFAULT_ACCOUNT_ID ? "WhatsApp" : `WhatsApp (${account.id})`;
  return issues.map(({ message, fix }) => `${prefix}: ${message}${fix ? ` To fix it, ${fix}.` : ""}`);
}

/** The refused settings as lines. */
export function refusalLines(cfg: OpenClawConfig): string[] {
  return refusedSettings(cfg).map(formatRefusal);
}

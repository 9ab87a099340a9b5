/** The guided setup: where the agent is, link a phone, who may write. */
import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import {
  patchChannelConfigForAccount,
  setSetupChannelEnabled,
  type WizardPrompter,
} from "openclaw/plugin-sdk/setup-runtime";
import { agentOf } from "../agents.js";
import { describe } from "../link/login.js";
import { lookAt } from "../link/status.js";
import { normalizeAllowEntry } from "../outbound/targets.js";
import { type Account, listAccountIds, resolveAccount } from "./account.js";
import { defaultSocket } from "./endpoint.js";
import { type AgentSettings, CHANNEL_ID, type Settings } from "./settings.js";

type Wizard = Extract<NonNullable<ChannelPlugin<Account>["setupWizard"]>, { credentials: unknown }>;
type Finalize = NonNullable<Wizard["finalize"]>;

interface Step {
  cfg: OpenClawConfig;
  accountId: string;
  prompter: WizardPrompter;
}

const required = (value: string | undefined) => (value?.trim() ? undefined : "Required");

function patch({ cfg, accountId }: Step, settings: Partial<Settings>): OpenClawConfig {
  return patchChannelConfigForAccount({
    cfg,
    channel: CHANNEL_ID,
    accountId,
    patch: settings as Record<string, unknown>,
  });
}

async function askAgent(step: Step): Promise<OpenClawConfig> {
  const { prompter, cfg, accountId } = step;
  const { agent } = resolveAccount(cfg, accountId);
  const where = await prompter.select({
    message: "Where is the openclaw-agent of this account?",
    options: [
      { value: "socket", label: "On this machine (unix socket)" },
      { value: "address", label: "On another machine (address and keys)" },
    ],
    initialValue: agent.kind === "tls" ? "address" : "socket",
  });
  const settings: AgentSettings =
    where === "socket" ? await askSocket(prompter, agent) : await askAddress(prompter, agent);
  return patch(step, { agent: settings });
}

async function askSocket(prompter: WizardPrompter, agent: Account["agent"]): Promise<AgentSettings> {
  const initialValue = agent.kind === "socket" ? agent.path : defaultSocket();
  return { socket: (await prompter.text({ message: "Path of its socket", initialValue, validate: required })).trim() };
}

async function askAddress(prompter: WizardPrompter, agent: Account["agent"]): Promise<AgentSettings> {
  const known = agent.kind === "tls" ? agent : undefined;
  const address = await prompter.text({
    message: "Its address (host:port)",
    initialValue: known?.address,
    validate: required,
  });
  await prompter.note("On an enrolled machine: openclawctl context export --pem DIR", "Keys of an enrolled client");
  const keys = await prompter.text({
    message: "Folder with agent.pem, client.pem and client-key.pem",
    validate: required,
  });
  return { address: address.trim(), keys: keys.trim() };
}

/** Links a phone on this terminal, unless the client (the Control UI) does it by itself. */
async function offerLogin(step: Step, runtime: Parameters<Finalize>[0]["runtime"]): Promise<void> {
  const { prompter, cfg, accountId } = step;
  const account = resolveAccount(cfg, accountId);
  const view = await lookAt(account, { fresh: true });
  for (const { message, fix } of view.issues)
    await prompter.note(fix ? `${message}\nNext: ${fix}` : message, "WhatsApp");
  if (view.linked || view.state === "unreachable" || view.state === "misconfigured") return;
  if (!(await prompter.confirm({ message: "Link a phone now, by QR code?", initialValue: true }))) return;
  const { auth } = await import("../link/gateway.js");
  try {
    await auth.login?.({ cfg, accountId, runtime });
  } catch (error) {
    runtime.error(describe(error));
  } finally {
    agentOf(account).forgetStatus();
  }
}

async function askNumber(step: Step): Promise<OpenClawConfig> {
  const { prompter, cfg, accountId } = step;
  const existing = resolveAccount(cfg, accountId).settings.allowFrom ?? [];
  const initialValue = existing.find((entry) => entry !== "*");
  const number = await prompter.text({
    message: "Your own WhatsApp number, from which you will write",
    placeholder: "+15550100123",
    initialValue,
    validate: (value) => (normalizeAllowEntry(value ?? "") ? undefined : "Not a phone number"),
  });
  const allowFrom = [...new Set([...existing.filter((entry) => entry !== "*"), number.trim()])];
  return patch(step, { selfChatMode: true, dmPolicy: "allowlist", allowFrom });
}

async function askAccess(step: Step, ownerOnly: boolean): Promise<OpenClawConfig> {
  const { prompter, cfg, accountId } = step;
  if (ownerOnly) return await askNumber(step);
  const phone = await prompter.select({
    message: "Which phone is linked?",
    options: [
      { value: "personal", label: "My own (the assistant answers only me)" },
      { value: "separate", label: "One for the assistant" },
    ],
  });
  if (phone === "personal") return await askNumber(step);
  const dmPolicy = await prompter.select<NonNullable<Settings["dmPolicy"]>>({
    message: "Who may write to it directly?",
    options: [
      { value: "pairing", label: "Unknown people get a pairing code (recommended)" },
      { value: "allowlist", label: "Only listed numbers" },
      { value: "open", label: "Everyone" },
      { value: "disabled", label: "No one" },
    ],
  });
  const existing = resolveAccount(cfg, accountId).settings.allowFrom ?? [];
  const allowFrom = dmPolicy === "open" ? [...new Set(["*", ...existing])] : undefined;
  return patch(step, { selfChatMode: false, dmPolicy, ...(allowFrom ? { allowFrom } : {}) });
}

const finalize: Finalize = async ({ cfg, accountId, prompter, runtime, options, forceAllowFrom }) => {
  const step = { cfg, accountId, prompter };
  step.cfg = await askAgent(step);
  if (!options?.deferDeviceLinkToClient) await offerLogin(step, runtime);
  step.cfg = await askAccess(step, forceAllowFrom);
  return { cfg: step.cfg };
};

async function anyLinked(cfg: OpenClawConfig, accountId: string | undefined): Promise<boolean> {
  const ids = accountId ? [accountId] : listAccountIds(cfg);
  const views = await Promise.all(ids.map((id) => lookAt(resolveAccount(cfg, id))));
  return views.some(({ linked }) => linked === true);
}

export const setupWizard: Wizard = {
  channel: CHANNEL_ID,
  status: {
    configuredLabel: "linked",
    unconfiguredLabel: "not linked",
    configuredHint: "linked",
    unconfiguredHint: "not linked",
    configuredScore: 5,
    unconfiguredScore: 4,
    resolveConfigured: ({ cfg, accountId }) => anyLinked(cfg, accountId),
  },
  resolveShouldPromptAccountIds: ({ shouldPromptAccountIds }) => shouldPromptAccountIds,
  credentials: [],
  finalize,
  disable: (cfg) => setSetupChannelEnabled(cfg, CHANNEL_ID, false),
  onAccountRecorded: (accountId, options) => options?.onAccountId?.(CHANNEL_ID, accountId),
};

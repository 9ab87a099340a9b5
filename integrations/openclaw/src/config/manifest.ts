/**
 * The manifest `openclaw.plugin.json`, which the gateway reads before it loads the plugin: `node build.mjs` writes it.
 *
 * The schema accepts every key of the official channel, at the root and for each account, so that an existing configuration
 * starts unchanged. Keys that cannot do here what they do there are accepted as well, and reported by `config/refused.ts`: a
 * gateway that does not start would be worse than a warning.
 *
 * No import: the build runs this file as it is.
 */

type Schema = Record<string, unknown>;

const bool: Schema = { type: "boolean" };
const text: Schema = { type: "string" };
const list = (items: Schema): Schema => ({ type: "array", items });
const object = (properties: Record<string, Schema>): Schema => ({
  type: "object",
  properties,
  additionalProperties: false,
});
const record = (value: Schema): Schema => ({ type: "object", propertyNames: text, additionalProperties: value });
const choice = (...values: string[]): Schema => ({ type: "string", enum: values });
const count: Schema = { type: "integer", minimum: 0, maximum: Number.MAX_SAFE_INTEGER };
const positive: Schema = { type: "integer", exclusiveMinimum: 0, maximum: Number.MAX_SAFE_INTEGER };

const toolPolicy = object({ allow: list(text), alsoAllow: list(text), deny: list(text) });

const agent: Schema = {
  ...object({
    socket: { ...text, description: "Path of the agent's unix socket." },
    address: { ...text, description: "host:port of the agent's network listener. Needs keys." },
    keys: {
      description: "Folder that `openclawctl context export --pem` has written, or the paths of its three files.",
      anyOf: [text, { ...object({ ca: text, cert: text, key: text }), required: ["ca", "cert", "key"] }],
    },
    consumer: {
      ...text,
      description: "Name of this gateway's position in the agent's events. Default: openclaw-gateway.",
    },
  }),
  description:
    "The openclaw-agent of this account. Without it, the default account uses the agent's default unix socket.",
};

/** What the root and each account have in common. */
const shared: Record<string, Schema> = {
  agent,
  enabled: bool,
  capabilities: list(text),
  markdown: object({ tables: choice("off", "bullets", "code", "block") }),
  configWrites: bool,
  dmPolicy: choice("pairing", "allowlist", "open", "disabled"),
  allowFrom: list(text),
  defaultTo: text,
  groupAllowFrom: list(text),
  groupPolicy: choice("open", "disabled", "allowlist"),
  mentionPatterns: object({ mode: choice("allow", "deny"), allowIn: list(text), denyIn: list(text) }),
  contextVisibility: choice("all", "allowlist", "allowlist_quote"),
  historyLimit: count,
  dmHistoryLimit: count,
  dms: record(object({ historyLimit: count })),
  textChunkLimit: positive,
  streaming: object({
    chunkMode: choice("length", "newline"),
    block: object({ enabled: bool, coalesce: object({ minChars: positive, maxChars: positive, idleMs: count }) }),
  }),
  heartbeatVisibility: object({ showOk: bool, showAlerts: bool, useIndicator: bool }),
  healthMonitor: object({ enabled: bool }),
  responsePrefix: text,
  mediaMaxMb: positive,
  replyToMode: choice("off", "first", "all", "batched"),
  sendReadReceipts: bool,
  selfChatMode: bool,
  groups: record(
    object({ requireMention: bool, tools: toolPolicy, toolsBySender: record(toolPolicy), systemPrompt: text }),
  ),
  direct: record(object({ systemPrompt: text })),
  reactionLevel: choice("off", "ack", "minimal", "extensive"),
  pluginHooks: object({ messageReceived: bool }),
};

const channelSchema: Schema = {
  $schema: "http://json-schema.org/draft-07/schema#",
  ...object({
    ...shared,
    dmPolicy: { ...shared.dmPolicy, default: "pairing" },
    groupPolicy: { ...shared.groupPolicy, default: "allowlist" },
    mediaMaxMb: { ...shared.mediaMaxMb, default: 50 },
    defaultAccount: text,
    actions: object({ reactions: bool, sendMessage: bool, polls: bool, edit: bool, unsend: bool, calls: bool }),
    accounts: record(object({ ...shared, name: text, authDir: text })),
  }),
};

const phoneNumbers = [
  "allowFrom",
  "defaultTo",
  "groupAllowFrom",
  "accounts.*.allowFrom.*",
  "accounts.*.defaultTo",
  "accounts.*.groupAllowFrom.*",
];

const uiHints: Record<string, { label?: string; help?: string; presentation?: string }> = {
  "": {
    label: "WhatsApp",
    help: "WhatsApp through openclaw-agent: where the agent is, who may write, and what is sent.",
  },
  agent: { label: "Agent", help: "Where the openclaw-agent of this account is. One agent is one WhatsApp account." },
  "agent.socket": { label: "Agent socket", help: "Path of the agent's unix socket, if it runs on this machine." },
  "agent.address": {
    label: "Agent address",
    help: "host:port of an agent on another machine, with the keys of an enrolled client.",
  },
  "agent.keys": {
    label: "Agent keys",
    help: "Folder with agent.pem, client.pem and client-key.pem (`openclawctl context export --pem DIR`).",
  },
  dmPolicy: {
    label: "WhatsApp DM Policy",
    help: 'Who may write directly ("pairing" is recommended). "open" needs channels.whatsapp.allowFrom=["*"].',
  },
  selfChatMode: { label: "WhatsApp Self-Phone Mode", help: "The assistant answers on your own WhatsApp number." },
  direct: {
    label: "WhatsApp Direct Chat Overrides",
    help: 'Overrides for single people, by number; "*" is for all. They allow no one.',
  },
  pluginHooks: {
    label: "WhatsApp Plugin Hooks",
    help: "Pass incoming messages to other plugins. They are personal: enable it only for plugins that you trust.",
  },
  configWrites: {
    label: "WhatsApp Config Writes",
    help: "Let commands in chats change the configuration (default: true).",
  },
  "actions.calls": { label: "WhatsApp Voice Calls", help: "Not available through openclaw-agent." },
  "accounts.*.authDir": {
    label: "Baileys session",
    help: "Not used: the agent has the session. Import it with `openclawctl import baileys DIR`, then remove this key.",
  },
  "mentionPatterns.mode": {
    label: "WhatsApp Mention Pattern Mode",
    help: '"allow": patterns count except in denyIn; "deny": only in allowIn.',
  },
};
for (const path of phoneNumbers) uiHints[path] = { ...uiHints[path], presentation: "phone-number" };

/** The manifest's content. */
export const manifest = {
  id: "openclaw-agent",
  name: "WhatsApp (openclaw-agent)",
  description: "WhatsApp through openclaw-agent, a daemon of its own, instead of Baileys in the gateway.",
  categories: ["channels"],
  doctorContract: { configRepair: true },
  activation: { onStartup: false },
  contracts: { tools: ["whatsapp_login"] },
  channels: ["whatsapp"],
  configGroups: [{ id: "plugin-hooks", title: "Plugin hooks", order: 10, properties: ["pluginHooks"] }],
  configSchema: object({ pluginHooks: object({ messageReceived: bool }) }),
  channelConfigs: {
    whatsapp: {
      label: "WhatsApp",
      description: "WhatsApp through openclaw-agent.",
      preferOver: ["whatsapp"],
      schema: channelSchema,
      uiHints,
    },
  },
};

/** The channel as the gateway sees it: the parts of this plugin, put together. */
import {
  type buildChannelConfigSchema,
  type ChannelPlugin,
  createChatChannelPlugin,
} from "openclaw/plugin-sdk/channel-core";
import type { Account } from "./config/account.js";
import { allowlist, commands, config, groups, mentions, pairing } from "./config/adapter.js";
import { manifest } from "./config/manifest.js";
import { security } from "./config/security.js";
import { CHANNEL_ID } from "./config/settings.js";
import { setupContract } from "./config/setup.js";
import { setupWizard } from "./config/wizard.js";
import { directory } from "./directory.js";
import { doctor } from "./link/doctor.js";
import { auth, gateway } from "./link/gateway.js";
import { type Probe, status } from "./link/status.js";
import {
  actions,
  agentPrompt,
  approvalCapability,
  bindings,
  heartbeat,
  message,
  messaging,
  outbound,
  threading,
} from "./outbound/index.js";

type Plugin = ChannelPlugin<Account, Probe>;

const base: Plugin = {
  id: CHANNEL_ID,
  meta: {
    id: CHANNEL_ID,
    label: "WhatsApp",
    selectionLabel: "WhatsApp (openclaw-agent)",
    detailLabel: "WhatsApp",
    docsPath: "/channels/whatsapp",
    docsLabel: "whatsapp",
    blurb: "through openclaw-agent, a daemon that holds the link; works with your own number.",
    systemImage: "message",
    exposure: { configured: false },
    quickstartAllowFrom: true,
    forceAccountBinding: true,
    preferSessionLookupForAnnounceTarget: true,
    preferOver: [CHANNEL_ID],
  },
  capabilities: {
    chatTypes: ["direct", "group"],
    polls: true,
    reactions: true,
    edit: true,
    unsend: true,
    reply: true,
    media: true,
    tts: { voice: { synthesisTarget: "voice-note", transcodesAudio: true } },
  },
  reload: {
    configPrefixes: [
      `channels.${CHANNEL_ID}.enabled`,
      `channels.${CHANNEL_ID}.agent`,
      `channels.${CHANNEL_ID}.accounts`,
      `channels.${CHANNEL_ID}.selfChatMode`,
    ],
    noopPrefixes: [`channels.${CHANNEL_ID}`, "messages.inbound", "messages.ackReactionScope"],
  },
  gatewayMethodDescriptors: [{ name: "web.login.start" }, { name: "web.login.wait" }],
  configSchema: {
    schema: manifest.channelConfigs.whatsapp.schema,
    uiHints: manifest.channelConfigs.whatsapp.uiHints,
  } as ReturnType<typeof buildChannelConfigSchema>,
  config,
  setupContract,
  setupWizard,
  security,
  allowlist,
  groups,
  mentions,
  commands,
  doctor,
  status,
  gateway,
  auth,
  directory,
  messaging,
  bindings,
  agentPrompt,
  message,
  actions,
  heartbeat,
  approvalCapability,
};

/** The plugin's channel. */
export const channel = createChatChannelPlugin<Account, Probe>({ base, pairing, outbound, threading });

import { defineChannelPluginEntry } from "openclaw/plugin-sdk/channel-core";
import { channel } from "./channel.js";
import { PLUGIN_ID } from "./config/settings.js";
import { registerLoginTool } from "./link/tool.js";
import { setRuntime } from "./runtime.js";

export default defineChannelPluginEntry({
  id: PLUGIN_ID,
  name: "WhatsApp (openclaw-agent)",
  description: "WhatsApp through openclaw-agent, a daemon of its own, instead of Baileys in the gateway.",
  plugin: channel,
  setRuntime,
  registerFull: registerLoginTool,
});

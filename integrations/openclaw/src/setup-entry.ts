import { defineSetupPluginEntry } from "openclaw/plugin-sdk/channel-core";
import { channel } from "./channel.js";

export default defineSetupPluginEntry(channel);

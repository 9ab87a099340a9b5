import type { PluginRuntime } from "openclaw/plugin-sdk/channel-core";

let current: PluginRuntime | undefined;

/** Called by the gateway once, when it registers the plugin. */
export function setRuntime(runtime: PluginRuntime): void {
  current = runtime;
}

/** The gateway's runtime. Throws outside a gateway, where nothing that needs it is called. */
export function getRuntime(): PluginRuntime {
  if (!current) throw new Error("the plugin is not registered with a gateway");
  return current;
}

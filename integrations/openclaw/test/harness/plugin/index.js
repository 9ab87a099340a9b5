/** A plugin of another author in the tests' gateways: a tool that needs an approval, and an ACP backend without a program behind it. */

import { registerAcpRuntimeBackend, tryDispatchAcpReplyHook } from "openclaw/plugin-sdk/acp-runtime-backend";
import { definePluginEntry } from "openclaw/plugin-sdk/plugin-entry";

const TOOL = "open_gate";
const BACKEND = "echo";

const openGate = {
  name: TOOL,
  label: "Open the gate",
  description: "Opens the harbour's gate.",
  parameters: { type: "object", additionalProperties: false, properties: {} },
  execute: async () => ({ content: [{ type: "text", text: "the gate is open" }], details: {} }),
};

/** Repeats a prompt, with the name of the harness in front. */
const echo = {
  ensureSession: async ({ sessionKey, agent }) => ({
    sessionKey,
    backend: BACKEND,
    runtimeSessionName: agent,
    backendSessionId: sessionKey,
  }),
  async *runTurn({ handle, text }) {
    yield { type: "text_delta", text: `${handle.runtimeSessionName} repeats: ${text}` };
    yield { type: "done", stopReason: "end_turn" };
  },
  cancel: async () => {},
  close: async () => {},
};

export default definePluginEntry({
  id: "test-plugin",
  name: "Test plugin",
  description: "A tool that needs an approval, and an ACP backend that repeats what it gets.",
  register(api) {
    api.registerTool(openGate);
    api.on("before_tool_call", ({ toolName }) =>
      toolName === TOOL ? { requireApproval: { title: "Open the gate", description: "Opens the gate." } } : undefined,
    );
    api.on("reply_dispatch", tryDispatchAcpReplyHook);
    registerAcpRuntimeBackend({ id: BACKEND, runtime: echo, healthy: () => true });
  },
});

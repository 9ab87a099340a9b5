/** The assistant's tool `whatsapp_login`, for the owner only: a QR code in the chat, as the official channel offers it. */
import type { OpenClawPluginApi } from "openclaw/plugin-sdk/channel-core";
import { startLogin, waitForLogin } from "./gateway.js";

const QR_DATA_URL_MAX_CHARS = 16_384;

const parameters = {
  type: "object",
  required: ["action"],
  additionalProperties: false,
  properties: {
    action: { type: "string", enum: ["start", "wait"] },
    timeoutMs: { type: "integer", minimum: 1 },
    force: { type: "boolean" },
    accountId: { type: "string" },
    currentQrDataUrl: { type: "string", maxLength: QR_DATA_URL_MAX_CHARS, pattern: "^data:image/png;base64,.+$" },
  },
};

interface Arguments {
  action?: "start" | "wait";
  timeoutMs?: number;
  force?: boolean;
  accountId?: string;
  currentQrDataUrl?: string;
}

/** Registers the tool. */
export function registerLoginTool(api: OpenClawPluginApi): void {
  const create = (context: { senderIsOwner?: boolean }) => (context.senderIsOwner === true ? loginTool() : null);
  api.registerTool({ contextVersion: 2, create } as unknown as Parameters<OpenClawPluginApi["registerTool"]>[0], {
    name: "whatsapp_login",
  });
}

function loginTool() {
  return {
    name: "whatsapp_login",
    label: "WhatsApp Login",
    description: "Show a QR code that links a phone to the WhatsApp agent, or wait until it is scanned.",
    parameters,
    execute: async (_id: string, args: Arguments) => {
      const result = args.action === "wait" ? await waitForLogin(args) : await startLogin(args);
      const image = result.qrDataUrl ? `\n\n![whatsapp-qr](${result.qrDataUrl})` : "";
      return {
        content: [{ type: "text" as const, text: `${result.message}${image}` }],
        details: { connected: result.connected ?? false, qr: Boolean(result.qrDataUrl) },
      };
    },
  };
}

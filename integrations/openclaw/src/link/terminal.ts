/** `openclaw channels login`: the same pairing on a terminal. */
import { LinkState } from "@openclaw-agent/client";
import type { Link } from "../agents.js";
import { describe, failureMessage, needsReplace, PASSKEY_MESSAGE } from "./login.js";
import { maskPhone } from "./state.js";

/** Names a number: the phone then asks for a code of eight characters instead of a scan. */
export const PHONE_VARIABLE = "OPENCLAW_WHATSAPP_LOGIN_PHONE";

const CLEAR = "\u001B[2J\u001B[H";

type PairInit = Parameters<Link["client"]["rpc"]["agent"]["pair"]>[0];
type PairHow = PairInit["how"];

/** Where a login writes to. */
export interface Terminal {
  /** A line that may also be logged. */
  log(line: string): void;
  /** Text that must not be logged: a code is a credential. */
  show(text: string): void;
  /** Draws a QR code with characters. */
  draw(payload: string): Promise<string>;
  /** Whether the screen can be cleared. */
  interactive: boolean;
}

/** Links a phone, or does nothing if one is linked. Throws if it does not work. */
export async function loginOnTerminal(link: Link, terminal: Terminal, phone?: string): Promise<void> {
  try {
    const status = await link.status({ fresh: true });
    const replace = needsReplace(status);
    if (replace && status.link?.state !== LinkState.LOGGED_OUT) {
      const self = maskPhone(status.link?.phone ?? "");
      terminal.log(
        `Already linked to ${self}. To link another phone: \`openclaw channels logout --channel whatsapp\` first.`,
      );
      return;
    }
    const how: PairHow = phone ? { case: "phoneCode", value: { phone } } : { case: "qr", value: {} };
    terminal.log("Waiting for a code from WhatsApp…");
    await follow(link, terminal, { how, replace });
  } catch (error) {
    throw new Error(describe(error), { cause: error });
  } finally {
    link.forgetStatus();
  }
}

async function follow(link: Link, terminal: Terminal, request: PairInit): Promise<void> {
  for await (const { frame } of link.client.rpc.agent.pair(request)) {
    switch (frame.case) {
      case "qr": {
        const clear = frame.value.ordinal > 1 && terminal.interactive ? CLEAR : "";
        const code = (await terminal.draw(frame.value.payload)).replace(/\n$/, "");
        terminal.show(
          `${clear}On the phone: WhatsApp → Settings → Linked devices → Link a device. Then scan:\n${code}\n`,
        );
        break;
      }
      case "phoneCode": {
        const { code } = frame.value;
        terminal.show(
          `On the phone: "Link with phone number instead". Then type ${code.slice(0, 4)}-${code.slice(4)}\n`,
        );
        break;
      }
      case "scanned":
        terminal.log("Scanned. WhatsApp completes the link…");
        break;
      case "passkey":
        throw new Error(PASSKEY_MESSAGE);
      case "linked":
        terminal.log(`Linked to ${maskPhone(frame.value.phone)}.`);
        return;
      case "failed":
        throw new Error(failureMessage(frame.value.reason, frame.value.hint));
    }
  }
  throw new Error("The agent ended the pairing without a result. Try again.");
}

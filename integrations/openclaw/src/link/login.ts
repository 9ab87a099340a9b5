/**
 * Linking a phone: the agent's Pair stream as the gateway's "start" and "wait" of a QR login.
 *
 * ```text
 * start ─► waiting ─► qr ─► (next qr)* ─► scanned ─► linked
 *             └────────┴──────────────────────┴────► failed
 * ```
 *
 * The stream lives in the gateway between the calls, because the browser polls: a login outlives the call that began it, and
 * ends with its result, a newer login, or the agent's time limit (five minutes). An existing link is not touched before the
 * new one is complete: the agent guarantees that.
 */
import { setTimeout as delay } from "node:timers/promises";
import { AgentError, LinkState, PairFailureReason, type PairFrame, type StatusResponse } from "@openclaw-agent/client";
import type { Link } from "../agents.js";
import { maskPhone } from "./state.js";

/** Draws a QR code. */
export type DrawQr = (payload: string) => Promise<string>;

/** How a login is going. */
export type Progress =
  | { phase: "waiting" }
  | { phase: "qr"; image: string }
  | { phase: "scanned" }
  | { phase: "linked"; message: string }
  | { phase: "failed"; message: string };

/** What the gateway shows after `loginWithQrStart`. */
export interface StartResult {
  message: string;
  qrDataUrl?: string;
  connected?: boolean;
}

/** What the gateway shows after `loginWithQrWait`. */
export interface WaitResult {
  connected: boolean;
  message: string;
  qrDataUrl?: string;
}

const SCAN = "Scan this QR code in WhatsApp → Settings → Linked devices.";
/** How long a login waits for an agent that does not answer: it replaces its process after a logout. */
const AGENT_TIMEOUT_MS = 15_000;
const AGENT_RETRY_MS = 500;
const STILL_WAITING = "Still waiting for the scan.";

/** The phone asks for something that only a browser on WhatsApp's own site can do. */
export const PASSKEY_MESSAGE =
  "WhatsApp asks for this account's passkey, which cannot be used from here. Run `openclawctl pair` and follow its steps; the channel then connects by itself.";

/** A reason of the agent for a person. */
export function failureMessage(reason: PairFailureReason, hint: string): string {
  const name = PairFailureReason[reason] ?? "UNSPECIFIED";
  return `Linking failed (${name.toLowerCase().replaceAll("_", " ")}).${hint ? ` Next: ${hint}` : ""}`;
}

/** Whether a phone is linked, and Pair needs `replace`: a device that WhatsApp has logged out counts as linked for the agent. */
export function needsReplace(status: StatusResponse): boolean {
  return status.link?.state !== LinkState.UNLINKED && Boolean(status.link?.phone);
}

/** One login in progress. */
class Login {
  #progress: Progress = { phase: "waiting" };
  #changed = Promise.withResolvers<void>();
  readonly #abort = new AbortController();
  readonly #link: Link;
  readonly #draw: DrawQr;

  constructor(link: Link, draw: DrawQr, replace: boolean) {
    this.#link = link;
    this.#draw = draw;
    void this.#run(replace);
  }

  get progress(): Progress {
    return this.#progress;
  }

  get ended(): boolean {
    return this.#progress.phase === "linked" || this.#progress.phase === "failed";
  }

  /** Ends the pairing at the agent. */
  stop(): void {
    this.#abort.abort();
  }

  /** Waits until `done` holds for the progress, or the time is over. */
  async until(done: (progress: Progress) => boolean, timeoutMs: number): Promise<Progress> {
    const expired = new AbortController();
    const timer = setTimeout(() => expired.abort(), timeoutMs);
    const timeout = new Promise<void>((resolve) => expired.signal.addEventListener("abort", () => resolve()));
    while (!done(this.#progress) && !expired.signal.aborted) await Promise.race([this.#changed.promise, timeout]);
    clearTimeout(timer);
    return this.#progress;
  }

  #set(progress: Progress): void {
    this.#progress = progress;
    const changed = this.#changed;
    this.#changed = Promise.withResolvers();
    changed.resolve();
  }

  async #run(replace: boolean): Promise<void> {
    try {
      await whenAnswering(
        () => this.#pair(replace),
        () => this.#progress.phase === "waiting" && !this.#abort.signal.aborted,
      );
    } catch (error) {
      this.#set({ phase: "failed", message: `Linking failed: ${describe(error)}` });
    } finally {
      this.#link.forgetStatus();
    }
  }

  async #pair(replace: boolean): Promise<void> {
    const request = { how: { case: "qr" as const, value: {} }, replace };
    for await (const { frame } of this.#link.client.rpc.agent.pair(request, { signal: this.#abort.signal })) {
      await this.#show(frame);
      if (this.ended) return;
    }
    this.#set({ phase: "failed", message: "The agent ended the pairing without a result. Try again." });
  }

  async #show(frame: PairFrame["frame"]): Promise<void> {
    switch (frame.case) {
      case "qr":
        return this.#set({ phase: "qr", image: await this.#draw(frame.value.payload) });
      case "scanned":
        return this.#set({ phase: "scanned" });
      case "passkey":
        // Ends the stream as well, so that `openclawctl pair` finds no pairing in progress.
        return this.#set({ phase: "failed", message: PASSKEY_MESSAGE });
      case "linked":
        return this.#set({ phase: "linked", message: `Linked to ${maskPhone(frame.value.phone)}. WhatsApp is ready.` });
      case "failed":
        return this.#set({ phase: "failed", message: failureMessage(frame.value.reason, frame.value.hint) });
    }
  }
}

/** Repeats a call while the agent does not answer it, and `wanted` holds. */
async function whenAnswering<T>(call: () => Promise<T>, wanted: () => boolean = () => true): Promise<T> {
  const until = performance.now() + AGENT_TIMEOUT_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const repeats = AgentError.is(error) && error.transient && wanted() && performance.now() < until;
      if (!repeats) throw error;
    }
    await delay(AGENT_RETRY_MS);
  }
}

/** An error in one line, with the agent's hint if it has one. */
export function describe(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const hint = (error as { hint?: unknown } | undefined)?.hint;
  return typeof hint === "string" && hint ? `${message}. Next: ${hint}` : message;
}

/** The logins of a process, at most one for each account. */
export class Logins {
  readonly #active = new Map<string, Login>();
  readonly #draw: DrawQr;

  constructor(draw: DrawQr) {
    this.#draw = draw;
  }

  /** Begins a login, or returns the code of the one in progress. `force` links again although a phone is linked. */
  async start(accountId: string, link: Link, options: { force: boolean; timeoutMs: number }): Promise<StartResult> {
    const status = await whenAnswering(() => link.status({ fresh: true }));
    const linked = needsReplace(status) && status.link?.state !== LinkState.LOGGED_OUT;
    if (linked && !options.force)
      return {
        connected: true,
        message: `Already linked to ${maskPhone(status.link?.phone ?? "")}. Relink to link another phone.`,
      };
    const running = this.#active.get(accountId);
    const login =
      running && !running.ended && !options.force ? running : this.#begin(accountId, link, needsReplace(status));
    const progress = await login.until(({ phase }) => phase !== "waiting", options.timeoutMs);
    if (progress.phase === "qr") return { qrDataUrl: progress.image, message: SCAN };
    if (progress.phase === "waiting") return { message: "The agent has no QR code from WhatsApp yet. Try again." };
    if (login.ended) this.#active.delete(accountId);
    if (progress.phase === "linked") return { connected: true, message: progress.message };
    return {
      message: progress.phase === "failed" ? progress.message : "The code is scanned. WhatsApp completes the link.",
    };
  }

  /** Waits for the result, or for another code than the one shown. */
  async wait(accountId: string, link: Link, options: { timeoutMs: number; shown?: string }): Promise<WaitResult> {
    const login = this.#active.get(accountId);
    if (!login) return { connected: false, message: "No login is in progress." };
    const other = (progress: Progress) =>
      progress.phase === "qr" && Boolean(options.shown) && progress.image !== options.shown;
    const progress = await login.until((now) => login.ended || other(now), options.timeoutMs);
    if (other(progress))
      return {
        connected: false,
        message: `The code was replaced. ${SCAN}`,
        qrDataUrl: (progress as { image: string }).image,
      };
    if (progress.phase === "linked" || progress.phase === "failed") {
      this.#active.delete(accountId);
      return this.#result(progress, link);
    }
    return {
      connected: false,
      message: progress.phase === "scanned" ? "The code is scanned. WhatsApp completes the link." : STILL_WAITING,
    };
  }

  /** Ends the login of an account, if there is one. */
  stop(accountId: string): void {
    this.#active.get(accountId)?.stop();
    this.#active.delete(accountId);
  }

  #begin(accountId: string, link: Link, replace: boolean): Login {
    this.stop(accountId);
    const login = new Login(link, this.#draw, replace);
    this.#active.set(accountId, login);
    return login;
  }

  /** The gateway has stopped the account for the login, and starts it again only if told that it is connected. */
  async #result(progress: { phase: "linked" | "failed"; message: string }, link: Link): Promise<WaitResult> {
    if (progress.phase === "linked") return { connected: true, message: progress.message };
    const status = await link.status({ fresh: true }).catch(() => undefined);
    if (status?.link?.state !== LinkState.CONNECTED) return { connected: false, message: progress.message };
    return { connected: true, message: `${progress.message} The previous link is unchanged.` };
  }
}

/** Everything that a feature needs: a gateway with a linked channel, a model that is scripted, people who write. */

import type { Agent } from "./agent.ts";
import type { Bound } from "./bound.ts";
import type { Gateway } from "./gateway.ts";
import type { Model, Step } from "./model.ts";
import { Person } from "./person.ts";
import { readQr } from "./qr.ts";
import type { Simulator } from "./simulator.ts";
import { until } from "./wait.ts";

export type Side = "ours" | "official";

/** The account of the gateway, its second one, and the person whose own linked device shows receipts and typing. */
export const [ACCOUNT, WORK, DEVICE] = ["+15550140001", "+15550140002", "+15550140003"] as const;
/** The person to whom heartbeats go. */
export const WATCHMAN = "+15550140004";
const FIRST_PERSON = 15550140100;
const LISTED = 200;

export class Rig {
  readonly side: Side;
  readonly simulator: Simulator;
  readonly model: Model;
  readonly gateway: Gateway;
  /** The conversations that belong to other agents than the main one. */
  bound!: Bound;
  /** A linked device of the person DEVICE. */
  readonly device: Agent;
  #people = 0;
  #strangers = 0;
  #markers = 0;

  constructor(side: Side, simulator: Simulator, model: Model, gateway: Gateway, device: Agent) {
    this.side = side;
    this.simulator = simulator;
    this.model = model;
    this.gateway = gateway;
    this.device = device;
  }

  /** Somebody on the allowlist who has not written yet. */
  person(account: string = ACCOUNT): Person {
    return new Person(this.simulator, `+${FIRST_PERSON + this.#people++}`, account);
  }

  /** Somebody who is not on the allowlist. */
  stranger(account: string = ACCOUNT): Person {
    return new Person(this.simulator, `+${FIRST_PERSON + LISTED + this.#strangers++}`, account);
  }

  /** From now on nobody sees the number of this person. Returns the LID. */
  async hide({ number }: Person): Promise<string> {
    return (await this.simulator.post("/peer/hidden", { peer: number, hidden: true })).lid;
  }

  /** The person whose linked device is `device`. */
  get owner(): Person {
    return new Person(this.simulator, DEVICE, ACCOUNT);
  }

  /** The person to whom heartbeats go. */
  get watchman(): Person {
    return new Person(this.simulator, WATCHMAN, ACCOUNT);
  }

  /** A word that is in no other message. */
  marker(): string {
    return `word${String(++this.#markers).padStart(3, "0")}`;
  }

  /** Scripts the next answer; the returned word belongs into the message that it answers. */
  script(...steps: Step[]): string {
    const marker = this.marker();
    this.model.on(marker, ...steps);
    return marker;
  }

  /** A group of the account and these people. */
  async group(subject: string, ...members: Person[]): Promise<string> {
    const numbers = members.map(({ number }) => number);
    return (await this.simulator.post("/group", { account: ACCOUNT, subject, members: numbers })).jid;
  }

  /** Waits until the model was asked about this word. */
  async asked(marker: string) {
    return until(`a question with ${marker}`, () => this.model.asked(marker).at(-1));
  }

  /** Links an account by the QR code that the gateway shows in its Control UI. */
  async login(number: string, accountId = "default"): Promise<void> {
    const { rpc } = this.gateway;
    const params = { channel: "whatsapp", accountId };
    const { qrDataUrl, message: problem } = await rpc.call("web.login.start", {
      ...params,
      force: true,
      timeoutMs: 30_000,
    });
    if (!qrDataUrl) throw new Error(`no QR code: ${problem}`);
    const linked = rpc.call("web.login.wait", { ...params, timeoutMs: 60_000, currentQrDataUrl: qrDataUrl });
    linked.catch(() => {});
    await this.simulator.post("/phone/scan", { qr: readQr(qrDataUrl), account: number });
    const { connected, message } = await linked;
    if (!connected) throw new Error(`not linked: ${message}`);
    await this.gateway.connected(accountId);
  }

  /** What a failed test shows. */
  tail(): string {
    return `--- results of tools ---\n${this.model.tail()}\n--- gateway (${this.side}) ---\n${this.gateway.tail()}`;
  }

  async dispose(): Promise<void> {
    await Promise.all([this.gateway.dispose(), this.device.dispose()]);
    await this.model.stop();
    await this.simulator.service.stop();
  }
}

/** The numbers of `person`. */
export function listed(): string[] {
  const people = Array.from({ length: LISTED }, (_, index) => `+${FIRST_PERSON + index}`);
  return [DEVICE, WATCHMAN, ...people];
}

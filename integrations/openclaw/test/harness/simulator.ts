/** The simulator of WhatsApp, as a process of its own. Paths and bodies are those of sim/README.md. */

import assert from "node:assert/strict";
import { binary } from "./binaries.ts";
import type { Json } from "./json.ts";
import { Service } from "./process.ts";

const READY = /^\{"listen"/;

/** One message on a person's phone. */
export interface Shown {
  id: string;
  from: string;
  chat: string;
  text?: string;
  own?: boolean;
  edited?: boolean;
  /** Absent after a deletion. */
  content?: Record<string, Json> | null;
  /** Emoji, by the number of who reacted. */
  reactions?: Record<string, string>;
}

export class Simulator {
  readonly service: Service;
  listen = "";
  control = "";
  media = "";

  private constructor(service: Service) {
    this.service = service;
  }

  /**
   * Starts it. The official channel has no privacy tokens for people who never wrote, and does not answer the server's
   * pings: with `lenient` these two rules are relaxed.
   */
  static async start({ lenient = false } = {}): Promise<Simulator> {
    const rules = lenient ? ["--lenient", "tokens,pings"] : [];
    const simulator = new Simulator(new Service("simulator", binary("OPENCLAW_SIM", "openclaw-sim"), rules));
    Object.assign(simulator, JSON.parse(await simulator.service.line(READY)));
    return simulator;
  }

  async get(path: string, query: Record<string, string> = {}): Promise<Json> {
    return this.#call(`${path}?${new URLSearchParams(query)}`);
  }

  async post(path: string, body: Record<string, unknown>): Promise<Json> {
    return this.#call(path, { method: "POST", body: JSON.stringify(body) });
  }

  async #call(path: string, init?: RequestInit): Promise<Json> {
    const answer = await fetch(this.control + path, init);
    const body: Json = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${body.error}`);
    return body;
  }

  /** What a person sees on the phone with this number. */
  async inbox(number: string): Promise<Shown[]> {
    return this.get("/peer/inbox", { peer: number });
  }

  /** The rules of the protocol that clients broke. */
  async violations(): Promise<Json[]> {
    return (await this.get("/verify")).violations;
  }

  /** Fails if a client broke a rule of the protocol, or if almost nothing was checked. */
  async assertClean(): Promise<void> {
    const { violations, checks } = await this.get("/verify");
    assert.deepEqual(violations, []);
    assert.ok(checks > 20, `only ${checks} checks were made`);
  }
}

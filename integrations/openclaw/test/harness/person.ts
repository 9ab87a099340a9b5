/** A person with a phone, who writes to the account; what is on the phone's screen is what counts. */

import type { Shown, Simulator } from "./simulator.ts";
import { until } from "./wait.ts";

export class Person {
  readonly number: string;
  /** The account to which this person writes. */
  readonly account: string;
  #simulator: Simulator;

  constructor(simulator: Simulator, number: string, account: string) {
    this.#simulator = simulator;
    this.number = number;
    this.account = account;
  }

  /** Writes to the account, or to a group. Returns the message's id. */
  async say(content: string | Record<string, unknown>, group?: string): Promise<string> {
    const what = typeof content === "string" ? { text: content } : { content };
    const where = group === undefined ? { to: this.account } : { to: this.account, group };
    return (await this.#simulator.post("/peer/send", { from: this.number, ...where, ...what })).id;
  }

  /** Reacts to a message of the account. */
  async reacts(id: string, emoji: string): Promise<void> {
    const reaction = { as: "reaction", about: id, text: emoji };
    await this.#simulator.post("/peer/send", { from: this.number, to: this.account, ...reaction });
  }

  /** What others sent to this person. */
  async inbox(): Promise<Shown[]> {
    return (await this.#simulator.inbox(this.number)).filter(({ own }) => !own);
  }

  /** Waits for a message that matches. */
  async gets(what: string, matches: (shown: Shown) => unknown): Promise<Shown> {
    return until(what, async () => (await this.inbox()).find(matches));
  }

  /** Waits for a message with this text in it. */
  async reads(text: string): Promise<Shown> {
    return this.gets(`the text ${JSON.stringify(text)}`, (shown) => shown.text?.includes(text));
  }

  /** A message of this person itself, once something happened to it (a reaction). */
  async own(id: string, what: string, matches: (shown: Shown) => unknown): Promise<Shown> {
    return until(what, async () =>
      (await this.#simulator.inbox(this.number)).find((each) => each.id === id && matches(each)),
    );
  }
}

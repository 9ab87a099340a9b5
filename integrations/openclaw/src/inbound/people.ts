import type { Agent } from "@openclaw-agent/client";
import type { Person } from "./person.js";

/** How long a person whose number is not known is not asked about again: each question counts for WhatsApp's limit. */
const UNKNOWN_MAX_AGE_MS = 3_600_000;
const MAX_PEOPLE = 1_000;

/** Numbers of people of whom an event has only the LID. */
export class People {
  readonly #client: Pick<Agent, "rpc">;
  readonly #known = new Map<string, { phone: string; at: number }>();

  constructor(client: Pick<Agent, "rpc">) {
    this.#client = client;
  }

  /** The person with their number, where the agent knows it. Sessions and allowlists are about numbers. */
  async withPhone(person: Person): Promise<Person> {
    const { lid, phone } = person;
    if (!lid) return person;
    if (phone) {
      this.#remember(lid, phone);
      return person;
    }
    const known = this.#known.get(lid);
    if (known?.phone) return { ...person, phone: known.phone };
    if (known && performance.now() - known.at < UNKNOWN_MAX_AGE_MS) return person;
    const found = await this.#ask(lid);
    this.#remember(lid, found);
    return found ? { ...person, phone: found } : person;
  }

  async #ask(lid: string): Promise<string> {
    try {
      const { contact } = await this.#client.rpc.contacts.getContact({ contact: lid }, { timeoutMs: 10_000 });
      return contact?.contact?.phone ?? "";
    } catch {
      // Answered under the LID: better than not at all.
      return "";
    }
  }

  #remember(lid: string, phone: string): void {
    this.#known.delete(lid);
    this.#known.set(lid, { phone, at: performance.now() });
    const oldest = this.#known.keys().next();
    if (this.#known.size > MAX_PEOPLE && !oldest.done) this.#known.delete(oldest.value);
  }
}

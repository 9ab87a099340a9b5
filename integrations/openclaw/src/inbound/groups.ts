import type { Agent } from "@openclaw-agent/client";
import { personId, personOf } from "./person.js";

/** How long a group is believed. Its changes are events, so this only bounds what was missed. */
const MAX_AGE_MS = 300_000;
const MAX_GROUPS = 500;

export interface GroupInfo {
  name?: string;
  /** Numbers, and LIDs of those whose number is not known. */
  members?: string[];
}

/** Names and members of groups, as the agent knows them. */
export class GroupNames {
  readonly #client: Pick<Agent, "rpc">;
  readonly #known = new Map<string, { at: number; info: Promise<GroupInfo> }>();

  constructor(client: Pick<Agent, "rpc">) {
    this.#client = client;
  }

  /** What is known of a group. Empty if the agent cannot say. */
  async of(group: string): Promise<GroupInfo> {
    const known = this.#known.get(group);
    if (known && performance.now() - known.at < MAX_AGE_MS) return known.info;
    const info = this.#fetch(group);
    this.#remember(group, info);
    return info;
  }

  /** Forgets a group that was changed. */
  forget(group: string): void {
    this.#known.delete(group);
  }

  #remember(group: string, info: Promise<GroupInfo>): void {
    this.#known.delete(group);
    this.#known.set(group, { at: performance.now(), info });
    const oldest = this.#known.keys().next();
    if (this.#known.size > MAX_GROUPS && !oldest.done) this.#known.delete(oldest.value);
  }

  async #fetch(group: string): Promise<GroupInfo> {
    try {
      const { group: found } = await this.#client.rpc.groups.getGroup({ group }, { timeoutMs: 10_000 });
      const members = found?.participants.map((member) => personId(personOf(member.contact))) ?? [];
      const info: GroupInfo = { members: members.filter((id) => id !== undefined) };
      if (found?.name) info.name = found.name;
      return info;
    } catch {
      // The message is worth more than the group's name. Asked again with the next one.
      this.#known.delete(group);
      return {};
    }
  }
}

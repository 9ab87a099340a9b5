/** Further agents, and the conversations in which they answer. These exist before the gateway starts: its configuration names them. */

import { type Config, MATE } from "./gateway.ts";
import type { Person } from "./person.ts";
import type { Rig } from "./rig.ts";

/** An agent that is an ACP session of the test plugin's backend. */
const CODER = "coder";

/** A person, and a group of that person and another one. */
export interface Conversations {
  person: Person;
  other: Person;
  group: string;
}

export class Bound {
  /** Of the agent MATE. */
  readonly mate: Conversations;
  /** Of an ACP session. */
  readonly coder: Conversations;
  /** In whose group both the main agent and MATE answer. */
  readonly crew: Conversations;

  private constructor(mate: Conversations, coder: Conversations, crew: Conversations) {
    this.mate = mate;
    this.coder = coder;
    this.crew = crew;
  }

  static async create(rig: Rig): Promise<Bound> {
    const conversations = async (subject: string) => {
      const [person, other] = [rig.person(), rig.person()];
      return { person, other, group: await rig.group(subject, person, other) };
    };
    return new Bound(
      await conversations("The mate's"),
      await conversations("Programs"),
      await conversations("The crew"),
    );
  }

  configure(config: Config): void {
    config.agents.entries[MATE] = { model: `stub/${MATE}` };
    config.agents.entries[CODER] = { runtime: { type: "acp", acp: { agent: "codex", backend: "echo" } } };
    config.acp = { enabled: true, backend: "echo" };
    config.broadcast = { strategy: "sequential", [this.crew.group]: ["main", MATE] };
    config.bindings = [
      ...bindings(MATE, this.mate),
      ...bindings(CODER, this.coder).map((binding) => ({ ...binding, type: "acp" })),
      // Of several agents, none answers where it is not bound.
      { agentId: "main", match: { channel: "whatsapp", accountId: "*" } },
    ];
  }
}

function bindings(agentId: string, { person, group }: Conversations): { agentId: string; match: object }[] {
  const peers = [
    { kind: "direct", id: person.number },
    { kind: "group", id: group },
  ];
  return peers.map((peer) => ({ agentId, match: { channel: "whatsapp", accountId: "default", peer } }));
}

import type { Deletion, Edit, Event, Message, Reaction } from "@openclaw-agent/client";
import { ChatKind } from "@openclaw-agent/client";
import { CHANNEL_ID } from "../config/settings.js";
import { rememberMessage, resolveReaction } from "../outbound/index.js";
import { type AccessRequest, admit, challenge } from "./access.js";
import { textOf } from "./content.js";
import type { Debouncer } from "./debounce.js";
import { type InboundMessage, messageOf } from "./facts.js";
import type { EventLifecycle, Outcome } from "./intake.js";
import { mediaMaxBytes, withFile } from "./media.js";
import type { People } from "./people.js";
import { type Person, personId, personOf } from "./person.js";
import { groupAdmission, type Policy, resolvePolicy } from "./policy.js";
import type { Scope } from "./scope.js";
import { accessPerson } from "./turn.js";

/** Decides what an event is to the gateway, and hands messages to the debouncer. */
export class EventHandler {
  readonly #scope: Scope;
  readonly #people: People;
  readonly #debouncer: Pick<Debouncer, "add">;

  constructor(scope: Scope, people: People, debouncer: Pick<Debouncer, "add">) {
    this.#scope = scope;
    this.#people = people;
    this.#debouncer = debouncer;
  }

  async handle(event: Event, lifecycle: EventLifecycle): Promise<Outcome> {
    const { kind } = event;
    switch (kind.case) {
      case "message":
        return this.#message(event, kind.value, lifecycle);
      case "reaction":
        await this.#reaction(event, kind.value);
        return "done";
      case "edit":
        this.#edit(kind.value);
        return "done";
      case "deletion":
        this.#deletion(kind.value);
        return "done";
      case "groupChange":
        if (kind.value.origin) this.#scope.groups.forget(kind.value.origin.chat);
        return "done";
      default:
        return "done";
    }
  }

  async #message(event: Event, message: Message, lifecycle: EventLifecycle): Promise<Outcome> {
    const scope = this.#scope;
    this.#remember(event, message);
    const facts = messageOf(event, message);
    const known = facts && (await this.#resolvePeople(facts));
    if (!known) return "done";
    const cfg = scope.cfg();
    const policy = resolvePolicy(cfg, scope.account(), scope.self);
    const admission = await admit(this.#accessRequest(policy, known), known.fromMe);
    if (!admission.admitted) {
      scope.log.debug(`event ${event.seq} not admitted: ${admission.reason}`);
      if (admission.pairing) await this.#challenge(known);
      return "done";
    }
    scope.noteInbound();
    scope.runtime.channel.activity.record({ channel: CHANNEL_ID, accountId: scope.accountId, direction: "inbound" });
    await this.#debouncer.add(await this.#complete(known, policy), lifecycle);
    return "deferred";
  }

  /** So that a reply, a reaction or an edit that names a message by its id finds it. */
  #remember(event: Event, { origin }: Message): void {
    if (!origin?.id) return;
    const fromMe = origin.fromMe === true;
    const sender = personOf(origin.sender);
    rememberMessage(this.#scope.accountId, { id: origin.id, chat: origin.chat, seq: event.seq, sender, fromMe });
  }

  async #resolvePeople(message: InboundMessage): Promise<InboundMessage> {
    const sender = await this.#people.withPhone(message.sender);
    if (message.kind === "group") return { ...message, sender };
    const peer = message.peer && (await this.#people.withPhone(message.peer));
    return { ...message, sender, ...(peer ? { peer } : {}), conversationId: personId(peer) ?? message.conversationId };
  }

  #accessRequest(policy: Policy, message: InboundMessage): AccessRequest {
    return this.#requestFor(policy, message.kind, message.conversationId, accessPerson(message));
  }

  #requestFor(policy: Policy, kind: "direct" | "group", conversationId: string, person: Person): AccessRequest {
    const { accountId, self, runtime } = this.#scope;
    return { cfg: this.#scope.cfg(), accountId, policy, self, kind, conversationId, person, runtime };
  }

  async #challenge(message: InboundMessage): Promise<void> {
    const { accountId, connectedAt, log, link } = this.#scope;
    await challenge({
      accountId,
      message,
      connectedAt,
      log,
      reply: async (text) => {
        const content = { kind: { case: "text" as const, value: { body: text } } };
        const to = message.chat;
        await link.client.send({
          to,
          payload: { case: "content", value: content },
          clientToken: `pairing-${message.seq}`,
        });
      },
    });
  }

  /** Adds what has to be fetched: the file, and the group's name and members. */
  async #complete(message: InboundMessage, policy: Policy): Promise<InboundMessage> {
    const { groups, link, signal, log } = this.#scope;
    const isGroup = message.kind === "group";
    // A group that is not listed is refused later, with a warning; its files are not fetched for that.
    if (isGroup && !groupAdmission(policy, message.conversationId).listed) return message;
    const maxBytes = mediaMaxBytes(policy.settings.mediaMaxMb);
    const complete = await withFile(message, { client: link.client, maxBytes, signal, log });
    if (!isGroup) return complete;
    const { name, members } = await groups.of(message.chat);
    return {
      ...complete,
      ...(name ? { groupName: name } : {}),
      ...(members ? { groupMembers: members } : {}),
    };
  }

  /** A reaction may answer an approval or a question. Any other says nothing to the gateway. */
  async #reaction(event: Event, reaction: Reaction): Promise<void> {
    const { origin, target, emoji } = reaction;
    if (!origin || !target?.id || !emoji) return;
    const scope = this.#scope;
    const sender = await this.#people.withPhone(personOf(origin.sender));
    const senderId = personId(sender);
    if (!senderId) return;
    const cfg = scope.cfg();
    const policy = resolvePolicy(cfg, scope.account(), scope.self);
    const isGroup = origin.chatKind === ChatKind.GROUP;
    const peer = isGroup ? sender : await this.#people.withPhone(personOf(event.chatWith));
    const conversationId = isGroup ? origin.chat : (personId(peer) ?? origin.chat);
    const kind = isGroup ? "group" : "direct";
    const admission = await admit(this.#requestFor(policy, kind, conversationId, peer), origin.fromMe === true);
    const { admitted } = admission;
    await resolveReaction({ cfg, account: scope.account(), messageId: target.id, emoji, senderId, admitted });
  }

  /** The official channel ignores edits. A message that still waits as context of a group should say what it says now. */
  #edit({ origin, target, content }: Edit): void {
    if (!origin || !target || !content) return;
    this.#scope.histories.change(target.id, origin.chat, textOf(content));
  }

  #deletion({ origin, target }: Deletion): void {
    if (origin && target) this.#scope.histories.change(target.id, origin.chat, undefined);
  }
}

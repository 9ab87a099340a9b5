/** Actions on groups: who is in it, its name, its members. What members write is untrusted text. */
import { type Group, GroupRole, ParticipantAction } from "@openclaw-agent/client";
import { readStringArrayParam, readStringParam } from "openclaw/plugin-sdk/channel-actions";
import type { ActionContext, ActionName, ActionTarget, Handler } from "./action-context.js";
import { explain } from "./failures.js";
import { normalizeTarget, targetKind } from "./targets.js";

/** A longer list of members would fill the assistant's context. */
const MAX_MEMBERS = 256;

function groupOf({ to }: ActionTarget): string {
  if (targetKind(to) !== "group") throw new Error("this is not a group: name its JID (…@g.us)");
  return to;
}

async function asked<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw new Error(explain(error), { cause: error });
  }
}

function describe({ id, name, description, size, participants, announce }: Group): Record<string, unknown> {
  const members = participants.slice(0, MAX_MEMBERS).map(({ contact, role }) => ({
    id: contact?.phone || contact?.lid,
    admin: role === GroupRole.ADMIN || role === GroupRole.SUPER_ADMIN,
  }));
  return { id, name, description, size: size || participants.length, onlyAdminsSend: announce, members };
}

function membersOf({ params }: ActionContext): string[] {
  const one =
    readStringParam(params, "userId") ?? readStringParam(params, "participant") ?? readStringParam(params, "memberId");
  const named = readStringArrayParam(params, "participants") ?? (one ? [one] : []);
  const members = named.map(normalizeTarget).filter((member) => member !== null && targetKind(member) === "direct");
  if (members.length === 0 || members.length < named.length)
    throw new Error('name the person in "userId": a number (+15550100123) or a LID (…@lid)');
  return members as string[];
}

function changeMembers(action: ParticipantAction): Handler {
  return async (ctx, target) => {
    ctx.assertDirectAdapterHandoff?.();
    const request = { group: groupOf(target), action, members: membersOf(ctx) };
    const { results } = await asked(target.outlet.link.client.rpc.groups.changeParticipants(request));
    return { results: results.map(({ contact, done, hint }) => ({ id: contact?.phone || contact?.lid, done, hint })) };
  };
}

export const GROUP_ACTIONS: Partial<Record<ActionName, Handler>> = {
  "channel-info": async (_ctx, target) => {
    const { group } = await asked(target.outlet.link.client.rpc.groups.getGroup({ group: groupOf(target) }));
    if (!group) throw new Error("the agent does not know this group");
    return { group: describe(group) };
  },
  renameGroup: async (ctx, target) => {
    const name = readStringParam(ctx.params, "name") ?? readStringParam(ctx.params, "title");
    if (!name) throw new Error('give the new name in "name"');
    ctx.assertDirectAdapterHandoff?.();
    await asked(target.outlet.link.client.rpc.groups.updateGroup({ group: groupOf(target), name }));
    return { renamed: true };
  },
  addParticipant: changeMembers(ParticipantAction.ADD),
  removeParticipant: changeMembers(ParticipantAction.REMOVE),
  leaveGroup: async (ctx, target) => {
    ctx.assertDirectAdapterHandoff?.();
    await asked(target.outlet.link.client.rpc.groups.leaveGroup({ group: groupOf(target) }));
    return { left: true };
  },
};

/** The actions of the `message` tool on WhatsApp, and which of them the configuration allows. */

import type { OpenClawConfig } from "openclaw/plugin-sdk/account-core";
import { createActionGate, jsonResult, ToolAuthorizationError } from "openclaw/plugin-sdk/channel-actions";
import type { ChannelPlugin } from "openclaw/plugin-sdk/channel-core";
import { type Account, listAccountIds, resolveAccount } from "../config/account.js";
import { channelSettings } from "../config/settings.js";
import { CHANGE_ACTIONS } from "./action-changes.js";
import { type ActionName, actionTarget, type Handler } from "./action-context.js";
import { GROUP_ACTIONS } from "./action-groups.js";
import { HISTORY_ACTIONS } from "./action-history.js";
import { SEND_ACTIONS } from "./action-sends.js";
import { canReact } from "./guidance.js";
import { normalizeTarget } from "./targets.js";

type Actions = NonNullable<ChannelPlugin<Account>["actions"]>;

/** Everything but `send` and `poll`, which the gateway does with the outbound adapter. */
const HANDLERS: Partial<Record<ActionName, Handler>> = {
  ...CHANGE_ACTIONS,
  ...SEND_ACTIONS,
  ...GROUP_ACTIONS,
  ...HISTORY_ACTIONS,
};

/** The key of `channels.whatsapp.actions` for each action, and whether the action is on if the key is not set. */
const GATES: Partial<Record<ActionName, { key: string; byDefault: boolean }>> = {
  poll: { key: "polls", byDefault: true },
  "poll-vote": { key: "polls", byDefault: true },
  edit: { key: "edit", byDefault: true },
  unsend: { key: "unsend", byDefault: true },
  delete: { key: "unsend", byDefault: true },
  reply: { key: "sendMessage", byDefault: true },
  sticker: { key: "sendMessage", byDefault: true },
  "channel-info": { key: "groupInfo", byDefault: true },
  read: { key: "history", byDefault: false },
  // These change what other people see of a group, so they have to be switched on.
  renameGroup: { key: "groupManagement", byDefault: false },
  addParticipant: { key: "groupManagement", byDefault: false },
  removeParticipant: { key: "groupManagement", byDefault: false },
  leaveGroup: { key: "groupManagement", byDefault: false },
};

/** Whether the configuration allows an action. */
export function isActionEnabled(cfg: OpenClawConfig, action: ActionName, accountId?: string | null): boolean {
  if (action === "react") return canReactOn(cfg, accountId);
  const gate = GATES[action];
  if (!gate) return true;
  const settings = channelSettings(cfg)?.actions as Record<string, boolean | undefined> | undefined;
  return createActionGate(settings)(gate.key, gate.byDefault);
}

function canReactOn(cfg: OpenClawConfig, accountId?: string | null): boolean {
  if (accountId != null) return canReact(cfg, accountId);
  return listAccountIds(cfg).some((id) => resolveAccount(cfg, id).enabled && canReact(cfg, id));
}

/** Where the file of an action may be. */
const FILE_PARAMS = ["media", "mediaUrl", "filePath", "path", "fileUrl"];

/**
 * A message's id names no chat. The gateway counts it as one for `edit` and `unsend` unless the channel says that no alias is
 * a delivery target; then the chat is the current one, if the assistant names none.
 */
const MESSAGE_ALONE = { aliases: ["messageId"], deliveryTargetAliases: [] };

/** The actions adapter. */
export const actions: Actions = {
  describeMessageTool: ({ cfg, accountId }) => {
    if (!channelSettings(cfg)) return null;
    const names: ActionName[] = ["poll", ...(Object.keys(HANDLERS) as ActionName[])];
    return {
      actions: names.filter((action) => isActionEnabled(cfg, action, accountId)),
      mediaSourceParams: { "upload-file": FILE_PARAMS, sticker: FILE_PARAMS },
    };
  },
  supportsAction: ({ action }) => action in HANDLERS,
  resolveExecutionMode: ({ action }) => (action in HANDLERS ? "gateway" : "local"),
  messageActionTargetAliases: {
    react: {
      aliases: ["chatJid", "messageId"],
      deliveryTargetAliases: ["chatJid"],
      resolveDeliveryTarget: ({ args }) =>
        typeof args.chatJid === "string" ? (normalizeTarget(args.chatJid) ?? undefined) : undefined,
    },
    edit: MESSAGE_ALONE,
    unsend: MESSAGE_ALONE,
    "channel-info": { aliases: ["chatJid", "channelId"] },
  },
  handleAction: async (ctx) => {
    const handler = HANDLERS[ctx.action];
    if (!handler) throw new Error(`WhatsApp has no action "${ctx.action}"`);
    if (!isActionEnabled(ctx.cfg, ctx.action, ctx.accountId)) throw new ToolAuthorizationError(disabled(ctx.action));
    return jsonResult({ ok: true, action: ctx.action, ...(await handler(ctx, actionTarget(ctx))) });
  },
};

function disabled(action: ActionName): string {
  if (action === "react")
    return 'WhatsApp reactions are off: see channels.whatsapp.actions.reactions and channels.whatsapp.reactionLevel ("minimal" or "extensive")';
  return `the WhatsApp action "${action}" is off: set channels.whatsapp.actions.${GATES[action]?.key ?? action} to true`;
}

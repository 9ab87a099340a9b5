import assert from "node:assert/strict";
import { test } from "node:test";
import { actionTarget } from "../../src/outbound/action-context.js";
import { actions, type isActionEnabled } from "../../src/outbound/actions.js";
import { agentPrompt } from "../../src/outbound/guidance.js";

type Config = Parameters<typeof isActionEnabled>[0];
const config = (whatsapp: object): Config => ({ channels: { whatsapp } }) as never;
const offered = (cfg: Config, accountId?: string) =>
  [...(actions.describeMessageTool({ cfg, accountId } as never)?.actions ?? [])].sort();

const BY_DEFAULT = [
  "channel-info",
  "delete",
  "edit",
  "poll",
  "poll-vote",
  "react",
  "reply",
  "sticker",
  "unsend",
  "upload-file",
];

test("without settings the assistant has the actions that change only its own messages", () => {
  assert.deepEqual(offered(config({})), BY_DEFAULT);
  assert.deepEqual(offered({} as Config), []);
});

const GATES: [settings: object, removed: string[], added: string[]][] = [
  [{ actions: { reactions: false } }, ["react"], []],
  [{ reactionLevel: "off" }, ["react"], []],
  [{ reactionLevel: "ack" }, ["react"], []],
  [{ reactionLevel: "extensive" }, [], []],
  [{ actions: { polls: false } }, ["poll", "poll-vote"], []],
  [{ actions: { edit: false } }, ["edit"], []],
  [{ actions: { unsend: false } }, ["delete", "unsend"], []],
  [{ actions: { sendMessage: false } }, ["reply", "sticker"], []],
  [{ actions: { groupInfo: false } }, ["channel-info"], []],
  [{ actions: { groupManagement: true } }, [], ["addParticipant", "leaveGroup", "removeParticipant", "renameGroup"]],
  [{ actions: { history: true } }, [], ["read"]],
];

for (const [settings, removed, added] of GATES) {
  test(`${JSON.stringify(settings)} removes ${removed} and adds ${added}`, () => {
    const expected = [...BY_DEFAULT.filter((action) => !removed.includes(action)), ...added].sort();
    assert.deepEqual(offered(config(settings)), expected);
  });
}

test("reactions are those of the account, if one is named, else of any", () => {
  const cfg = config({ reactionLevel: "off", accounts: { work: { reactionLevel: "minimal" } } });
  assert.equal(offered(cfg, "default").includes("react"), false);
  assert.equal(offered(cfg, "work").includes("react"), true);
  assert.equal(offered(cfg).includes("react"), true);
});

test("an action that is off is refused with the setting that allows it", async () => {
  const call = (action: string, settings: object) =>
    actions.handleAction?.({
      channel: "whatsapp",
      action,
      cfg: config(settings),
      params: {},
    } as never) as Promise<unknown>;
  await assert.rejects(call("renameGroup", {}), {
    name: "ToolAuthorizationError",
    message: /actions\.groupManagement to true/,
  });
  await assert.rejects(call("react", { reactionLevel: "ack" }), /channels\.whatsapp\.reactionLevel/);
  await assert.rejects(call("ban", {}), /no action "ban"/);
});

test("an action without a target is about the chat of its turn", () => {
  const cfg = config({ agent: { socket: "/run/agent.sock" }, allowFrom: ["+15550100124"] });
  const toolContext = { currentChannelProvider: "whatsapp", currentMessagingTarget: "whatsapp:+15550100123" };
  const targetOf = (params: object, context?: object) =>
    actionTarget({ channel: "whatsapp", action: "edit", cfg, params, toolContext: context } as never);
  const { to, isCurrent } = targetOf({ messageId: "3EB0" }, toolContext);
  assert.deepEqual([to, isCurrent], ["+15550100123", true]);
  const other = targetOf({ messageId: "3EB0", target: "+15550100124" }, toolContext);
  assert.deepEqual([other.to, other.isCurrent], ["+15550100124", false]);
  assert.throws(() => targetOf({ messageId: "3EB0" }), /name the chat in "target"/);
  assert.throws(
    () => targetOf({ messageId: "3EB0" }, { ...toolContext, currentChannelProvider: "telegram" }),
    /"target"/,
  );
});

test("the gateway does what the agent does; polls go through the outbound adapter", () => {
  for (const action of ["react", "edit", "upload-file"] as const) {
    assert.equal(actions.supportsAction?.({ action }), true);
    assert.equal(actions.resolveExecutionMode?.({ action }), "gateway");
  }
  assert.equal(actions.supportsAction?.({ action: "poll" }), false);
  assert.equal(actions.supportsAction?.({ action: "send" }), false);
});

test("the prompt says how freely to react", () => {
  const guidance = (settings: object) => agentPrompt.reactionGuidance?.({ cfg: config(settings) });
  assert.deepEqual(guidance({}), { level: "minimal", channelLabel: "WhatsApp" });
  assert.deepEqual(guidance({ reactionLevel: "extensive" }), { level: "extensive", channelLabel: "WhatsApp" });
  assert.equal(guidance({ reactionLevel: "ack" }), undefined);
  assert.equal(guidance({ actions: { reactions: false } }), undefined);
});

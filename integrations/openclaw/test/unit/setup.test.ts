import assert from "node:assert/strict";
import { test } from "node:test";
import { closeAgents } from "../../src/agents.js";
import { resolveAccount } from "../../src/config/account.js";
import { agentSettings, setupContract, validateInput } from "../../src/config/setup.js";
import { setupWizard } from "../../src/config/wizard.js";

type Finalize = NonNullable<typeof setupWizard.finalize>;
type Answers = Record<string, string | boolean>;

/** Someone who answers by the words in a question. */
function person(answers: Answers) {
  const asked: string[] = [];
  const answer = async ({ message, initialValue }: { message: string; initialValue?: unknown }) => {
    asked.push(message);
    const known = Object.entries(answers).find(([words]) => message.includes(words));
    return known ? known[1] : initialValue;
  };
  return { asked, prompter: { select: answer, text: answer, confirm: answer, note: async () => {} } };
}

async function guided(answers: Answers, options: { forceAllowFrom?: boolean; cfg?: object } = {}) {
  const { asked, prompter } = person(answers);
  const params = {
    cfg: options.cfg ?? {},
    accountId: "default",
    prompter,
    forceAllowFrom: options.forceAllowFrom === true,
  };
  const result = await setupWizard.finalize?.({
    ...params,
    credentialValues: {},
    runtime: {},
  } as unknown as Parameters<Finalize>[0]);
  return { asked, account: resolveAccount(result?.cfg as never) };
}

test("the guided setup writes where the agent is, and who may write", async (t) => {
  t.after(closeAgents);
  const { account } = await guided({ Where: "socket", Path: "/nowhere/agent.sock", Which: "separate", Who: "open" });
  assert.deepEqual(account.agent, { kind: "socket", path: "/nowhere/agent.sock" });
  const { dmPolicy, allowFrom, selfChatMode } = account.settings;
  assert.deepEqual({ dmPolicy, allowFrom, selfChatMode }, { dmPolicy: "open", allowFrom: ["*"], selfChatMode: false });
});

test("on one's own phone only one's own number may write", async (t) => {
  t.after(closeAgents);
  const cfg = { channels: { whatsapp: { allowFrom: ["*", "+15550100009"] } } };
  const { account, asked } = await guided(
    { Path: "/nowhere/agent.sock", "own WhatsApp": "+15550100001" },
    { forceAllowFrom: true, cfg },
  );
  const { dmPolicy, allowFrom, selfChatMode } = account.settings;
  assert.deepEqual({ dmPolicy, selfChatMode }, { dmPolicy: "allowlist", selfChatMode: true });
  assert.deepEqual(allowFrom, ["+15550100009", "+15550100001"]);
  assert.ok(!asked.some((question) => question.includes("Which phone")));
});

test("flags become the account's agent", () => {
  const input = { agentAddress: "agent.example.com:50051", agentKeys: "/keys", agentConsumer: "mine" };
  const cfg = setupContract.applyAccountConfig({ cfg: {} as never, accountId: "work", input: input as never });
  const account = resolveAccount(cfg, "work");
  assert.equal(account.agent.kind, "tls");
  assert.equal(account.consumer, "mine");
  assert.equal(agentSettings({}), undefined);
});

for (const [input, problem] of [
  [{ authDir: "/creds" }, /openclawctl import baileys \/creds/],
  [{ agentSocket: "/a", agentAddress: "b:1" }, /either --agent-socket or --agent-address/],
  [{ agentAddress: "b:1" }, /needs --agent-keys/],
  [{ agentKeys: "/keys" }, /needs --agent-address/],
] as const)
  test(`flags that make no agent are refused: ${problem.source}`, () =>
    assert.match(validateInput({ input }) ?? "", problem));

test("flags that make an agent are accepted", () => {
  assert.equal(validateInput({ input: { agentSocket: "/a" } }), null);
  assert.equal(validateInput({ input: {} }), null);
});

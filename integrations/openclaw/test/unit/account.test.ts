import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { listAccountIds, resolveAccount, resolveDefaultAccountId } from "../../src/config/account.js";
import { defaultSocket } from "../../src/config/endpoint.js";

type Config = Parameters<typeof resolveAccount>[0];
const config = (whatsapp: object): Config => ({ channels: { whatsapp } }) as never;

const require = createRequire(import.meta.url);
/** The official channel's own merge, as the yardstick. */
const official = (await import(pathToFileURL(require.resolve("@openclaw/whatsapp/dist/api.js")).href)) as {
  resolveWhatsAppAccount(params: { cfg: Config; accountId?: string }): Record<string, unknown>;
};

const CONFIGS: Record<string, object> = {
  "root only": { dmPolicy: "allowlist", allowFrom: ["+15550100001"], historyLimit: 9 },
  "account over root": {
    dmPolicy: "pairing",
    groups: { "1@g.us": { requireMention: false } },
    accounts: { work: { dmPolicy: "open", groups: { "2@g.us": {} } } },
  },
  "accounts.default is inherited": {
    mediaMaxMb: 3,
    streaming: { chunkMode: "length" },
    accounts: {
      default: { enabled: false, name: "Home", selfChatMode: true, mediaMaxMb: 5, replyToMode: "all" },
      work: { streaming: { block: { enabled: true } } },
    },
  },
  "other spelling of the account's key": { accounts: { Work: { textChunkLimit: 100 } } },
  "disabled at the root": { enabled: false, accounts: { work: { enabled: true }, home: {} } },
  defaultAccount: { defaultAccount: "work", accounts: { work: { sendReadReceipts: false }, home: {} } },
};

const KEYS = [
  "dmPolicy",
  "allowFrom",
  "groupAllowFrom",
  "groupPolicy",
  "mentionPatterns",
  "historyLimit",
  "textChunkLimit",
];
const MORE_KEYS = [
  "streaming",
  "mediaMaxMb",
  "reactionLevel",
  "groups",
  "direct",
  "replyToMode",
  "selfChatMode",
  "defaultTo",
];

for (const [name, whatsapp] of Object.entries(CONFIGS))
  test(`settings are merged as the official channel merges them: ${name}`, () => {
    for (const accountId of [undefined, "default", "work", "home"]) {
      const cfg = config(whatsapp);
      const theirs = official.resolveWhatsAppAccount({ cfg, ...(accountId ? { accountId } : {}) });
      const mine = resolveAccount(cfg, accountId);
      assert.equal(mine.id, theirs.accountId);
      assert.equal(mine.enabled, theirs.enabled, `enabled of ${accountId}`);
      assert.equal(mine.name, theirs.name);
      for (const key of [...KEYS, ...MORE_KEYS])
        assert.deepEqual((mine.settings as Record<string, unknown>)[key], theirs[key], `${key} of ${accountId}`);
    }
  });

test("without settings the default account uses the agent's default socket", () => {
  const cfg = config({});
  assert.deepEqual(listAccountIds(cfg), ["default"]);
  assert.deepEqual(resolveAccount(cfg).agent, { kind: "socket", path: defaultSocket() });
  assert.equal(resolveAccount(cfg).consumer, "openclaw-gateway");
});

test("the default socket is where the agent puts it", () => {
  assert.equal(defaultSocket({}), "/run/openclaw/agent.sock");
  assert.equal(defaultSocket({ XDG_RUNTIME_DIR: "/run/user/7" }), "/run/user/7/openclaw/agent.sock");
  assert.equal(defaultSocket({ XDG_RUNTIME_DIR: "/run/user/7", OPENCLAW_SOCKET: "/tmp/a.sock" }), "/tmp/a.sock");
});

test("the root's agent is the default account's, next to named accounts", () => {
  const cfg = config({ agent: { socket: "/a.sock" }, accounts: { work: { agent: { socket: "/b.sock" } } } });
  assert.deepEqual(listAccountIds(cfg).toSorted(), ["default", "work"]);
  assert.deepEqual(resolveAccount(cfg, "default").agent, { kind: "socket", path: "/a.sock" });
  assert.deepEqual(resolveAccount(cfg, "work").agent, { kind: "socket", path: "/b.sock" });
  assert.equal(resolveDefaultAccountId(cfg), "default");
});

test("an account does not inherit another account's agent", () => {
  const cfg = config({
    agent: { socket: "/a.sock" },
    accounts: { default: { agent: { socket: "/c.sock" } }, work: {} },
  });
  const { agent } = resolveAccount(cfg, "work");
  assert.equal(agent.kind, "missing");
  assert.match(agent.kind === "missing" ? agent.problem : "", /accounts\.work\.agent names no agent/);
  assert.equal(
    "agent" in resolveAccount(cfg, "work").settings && resolveAccount(cfg, "work").settings.agent,
    undefined,
  );
  assert.deepEqual(resolveAccount(cfg, "default").agent, { kind: "socket", path: "/c.sock" });
});

test("an account's address replaces the root's socket, and keeps its consumer", () => {
  const own = { address: "agent.example.com:50051", keys: "~/keys" };
  const cfg = config({ agent: { socket: "/a.sock", consumer: "mine" }, accounts: { default: { agent: own } } });
  const account = resolveAccount(cfg);
  const dir = `${process.env.HOME}/keys`;
  assert.equal(account.consumer, "mine");
  assert.deepEqual(account.agent, {
    kind: "tls",
    address: "agent.example.com:50051",
    ca: `${dir}/agent.pem`,
    cert: `${dir}/client.pem`,
    key: `${dir}/client-key.pem`,
  });
});

for (const [agent, problem] of [
  [{ socket: "/a", address: "b:1", keys: "k" }, /both socket and address/],
  [{ address: "b:1" }, /needs keys/],
  [{ address: "b", keys: "k" }, /not host:port/],
] as const)
  test(`an invalid agent is reported, and does not throw: ${problem.source}`, () => {
    const resolved = resolveAccount(config({ agent })).agent;
    assert.equal(resolved.kind, "missing");
    assert.match(resolved.kind === "missing" ? resolved.problem : "", problem);
    assert.ok(resolved.kind === "missing" && resolved.fix.length > 10);
  });

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { closeAgents } from "../../src/agents.js";
import { legacyConfigRules, normalizeCompatibilityConfig } from "../../src/doctor-contract-api.js";
import { collectPreviewWarnings } from "../../src/link/doctor.js";

type Repair = typeof normalizeCompatibilityConfig;

const require = createRequire(import.meta.url);
const official = (await import(
  pathToFileURL(require.resolve("@openclaw/whatsapp/dist/doctor-contract-api.js")).href
)) as {
  legacyConfigRules: { path: string[] }[];
  normalizeCompatibilityConfig: Repair;
};

const OLD_CONFIGS: Record<string, object> = {
  "no old keys": { dmPolicy: "pairing", accounts: { work: { allowFrom: ["+15550100001"] } } },
  exposeErrorText: { exposeErrorText: true, accounts: { work: { exposeErrorText: false } } },
  "streaming of old": {
    chunkMode: "newline",
    blockStreaming: true,
    accounts: { default: { blockStreamingCoalesce: { idleMs: 5 } }, work: {} },
  },
  "ackReaction for all": { ackReaction: { emoji: "👀", direct: true, group: "always" } },
  "ackReaction in groups": { accounts: { work: { ackReaction: { emoji: "✅", direct: false, group: "mentions" } } } },
};

for (const [name, whatsapp] of Object.entries(OLD_CONFIGS))
  test(`an old configuration is repaired as the official plugin does: ${name}`, () => {
    const cfg = { channels: { whatsapp } } as never;
    const theirs = official.normalizeCompatibilityConfig({ cfg: structuredClone(cfg) });
    const mine = normalizeCompatibilityConfig({ cfg });
    assert.deepEqual(mine.config, theirs.config);
    assert.equal(mine.changes.length > 0, theirs.changes.length > 0);
  });

test("messages.ackReaction wins over the channel's, and doctor says so", () => {
  const cfg = {
    messages: { ackReaction: "🔥", ackReactionScope: "all" },
    channels: { whatsapp: { ackReaction: { emoji: "👀" } } },
  };
  const { config, changes } = normalizeCompatibilityConfig({ cfg: cfg as never });
  assert.equal(config.messages?.ackReaction, "🔥");
  assert.match(changes.join("\n"), /review messages\.ackReaction/);
});

test("the old keys that the official plugin recognises are recognised", () => {
  const paths = (rules: { path: string[] }[]) => [...new Set(rules.map(({ path }) => path.join(".")))].toSorted();
  assert.deepEqual(paths(legacyConfigRules), paths(official.legacyConfigRules));
});

test("doctor names refused keys, a shared agent, the official plugin, missing keys and a dead agent", async (t) => {
  t.after(closeAgents);
  const cfg = {
    plugins: { entries: { whatsapp: { enabled: true } } },
    channels: {
      whatsapp: {
        actions: { calls: true },
        accounts: {
          default: { agent: { socket: "/nowhere/agent.sock" }, authDir: "~/creds" },
          twin: { agent: { socket: "/nowhere/agent.sock" } },
          far: { agent: { address: "127.0.0.1:1", keys: "/nowhere/keys" } },
          empty: {},
          off: { enabled: false },
        },
      },
    },
  };
  const warnings = await collectPreviewWarnings({ cfg: cfg as never });
  const expected = [
    /accounts\.default\.authDir.*openclawctl import baileys ~\/creds/,
    /actions\.calls: voice calls/,
    /default and twin use the same agent/,
    /plugins disable whatsapp/,
    /key file \/nowhere\/keys\/agent\.pem/,
    /accounts\.empty\.agent names no agent/,
    /WhatsApp: .*\/nowhere\/agent\.sock/,
  ];
  for (const pattern of expected)
    assert.ok(
      warnings.some((line) => pattern.test(line)),
      `${pattern}\n${warnings.join("\n")}`,
    );
  assert.ok(!warnings.some((line) => line.includes("(off)")));
});

test("doctor says nothing about a gateway without the channel", async () => {
  assert.deepEqual(await collectPreviewWarnings({ cfg: {} as never }), []);
});

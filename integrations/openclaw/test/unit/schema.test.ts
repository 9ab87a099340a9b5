import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Ajv } from "ajv";
import { manifest } from "../../src/config/manifest.js";
import { REFUSED_PATHS, refusedSettings } from "../../src/config/refused.js";
import { SETUP_FIELDS } from "../../src/config/setup.js";

type Schema = { [key: string]: unknown; properties?: Record<string, Schema>; additionalProperties?: Schema | boolean };

const require = createRequire(import.meta.url);
const official = require("@openclaw/whatsapp/openclaw.plugin.json").channelConfigs.whatsapp.schema as Schema;
const ours = manifest.channelConfigs.whatsapp.schema as Schema;

/** Every leaf of a schema, by path; "*" stands for a free key. */
function leaves(schema: Schema, path = ""): [string, Schema][] {
  const named = Object.entries(schema.properties ?? {});
  const free = typeof schema.additionalProperties === "object" ? [["*", schema.additionalProperties] as const] : [];
  const children = [...named, ...free];
  return children.length === 0
    ? [[path, schema]]
    : children.flatMap(([key, child]) => leaves(child, path ? `${path}.${key}` : key));
}

/** A value that the leaf accepts. */
function sample(leaf: Schema): unknown {
  if (leaf.enum) return (leaf.enum as unknown[])[0];
  if (leaf.anyOf) return (leaf.anyOf as Schema[])[0]?.const;
  if (leaf.type === "array") return ["one"];
  if (leaf.type === "boolean") return true;
  return leaf.type === "integer" ? 7 : "text";
}

function configWith(path: string, value: unknown): Record<string, unknown> {
  const config: Record<string, unknown> = {};
  const keys = path.split(".").map((key) => (key === "*" ? "work" : key));
  let at = config;
  for (const key of keys.slice(0, -1)) at = at[key] = {} as Record<string, unknown>;
  at[keys.at(-1) as string] = value;
  return config;
}

const validate = new Ajv({ strict: false, useDefaults: true }).compile(ours);

test("the schema accepts every key of the official channel", () => {
  const paths = leaves(official);
  assert.ok(paths.length > 90, `the official schema has ${paths.length} keys`);
  const rejected = paths.filter(([path, leaf]) => !validate(configWith(path, sample(leaf)))).map(([path]) => path);
  assert.deepEqual(rejected, []);
});

test("each official key has the official constraints", () => {
  const mine = new Map(leaves(ours));
  const values = (leaf: Schema | undefined) => {
    const choices = leaf?.enum ?? (leaf?.anyOf as Schema[] | undefined)?.map((one) => one.const);
    return {
      type: leaf?.type ?? "string",
      choices,
      minimum: leaf?.minimum,
      above: leaf?.exclusiveMinimum,
      default: leaf?.default,
    };
  };
  for (const [path, leaf] of leaves(official)) assert.deepEqual(values(mine.get(path)), values(leaf), path);
});

test("an unknown key is rejected", () => {
  assert.equal(validate({ nonsense: true }), false);
  assert.equal(validate({ agent: { sock: "x" } }), false);
});

test("our own keys are accepted at the root and in accounts", () => {
  const agent = { address: "agent.example.com:50051", keys: { ca: "a", cert: "b", key: "c" }, consumer: "gateway" };
  assert.equal(validate({ agent, accounts: { work: { agent: { socket: "~/work.sock" } } } }), true);
});

test("every refused key is an official key, and its report says what to do", () => {
  const keys = new Map(leaves(official));
  for (const path of REFUSED_PATHS) {
    const leaf = keys.get(path);
    assert.ok(leaf, `${path} is a key of the official channel`);
    const [refusal, ...more] = refusedSettings({ channels: { whatsapp: configWith(path, sample(leaf)) } } as never);
    assert.equal(more.length, 0);
    assert.equal(refusal?.path, `channels.whatsapp.${path.replace("*", "work")}`);
    assert.match(refusal?.fix ?? "", /openclaw config unset/);
  }
  assert.deepEqual(refusedSettings({ channels: { whatsapp: { actions: { calls: false } } } } as never), []);
});

test("the manifest in the package is the one of the sources", () => {
  const written = JSON.parse(readFileSync(new URL("../../openclaw.plugin.json", import.meta.url), "utf8"));
  assert.deepEqual(written, JSON.parse(JSON.stringify(manifest)));
});

test("the package lists the setup's flags", () => {
  const { setup } = require("../../package.json").openclaw.channel;
  assert.deepEqual(
    setup.fields,
    Object.entries(SETUP_FIELDS).map(([key, field]) => ({ key, ...field })),
  );
});

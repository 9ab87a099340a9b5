import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { isAllowed, messaging, resolveTarget } from "../../src/outbound/route.js";
import {
  looksLikeTarget,
  normalizeAllowEntry,
  normalizeTarget,
  personOf,
  sendTarget,
  targetKind,
} from "../../src/outbound/targets.js";

const require = createRequire(import.meta.url);
/** The official channel, as the yardstick. */
const official = await import(pathToFileURL(require.resolve("@openclaw/whatsapp/dist/api.js")).href);

const TARGETS: Record<string, string | null> = {
  "+15550100123": "+15550100123",
  "15550100123": "+15550100123",
  "+1 (555) 010-0123": "+15550100123",
  "whatsapp:+15550100123": "+15550100123",
  "WhatsApp: whatsapp:15550100123": "+15550100123",
  "15550100123@s.whatsapp.net": "+15550100123",
  "15550100123:7@s.whatsapp.net": "+15550100123",
  "15550100123@c.us": "+15550100123",
  "120363000000000001@g.us": "120363000000000001@g.us",
  "15550100123-1600000000@G.US": "15550100123-1600000000@g.us",
  "whatsapp:group:120363000000000001@g.us": "120363000000000001@g.us",
  "120363000000000009@newsletter": "120363000000000009@newsletter",
  "telegram:12345": null,
  "status@broadcast": null,
  "someone@example.com": null,
  "@g.us": null,
  "": null,
  "   ": null,
};

for (const [raw, target] of Object.entries(TARGETS)) {
  test(`target ${JSON.stringify(raw)} is ${target}`, () => {
    assert.equal(normalizeTarget(raw), target);
    assert.equal(official.normalizeWhatsAppTarget(raw), target, "the official channel");
  });
}

test("a LID stays a LID: it is no number", () => {
  assert.equal(normalizeTarget("123456789@lid"), "123456789@lid");
  assert.equal(normalizeTarget("123456789:3@LID"), "123456789@lid");
  assert.deepEqual(personOf("123456789@lid"), { phone: "", lid: "123456789@lid" });
});

test("words and numbers that are none are no targets", () => {
  for (const raw of ["call me at noon", "Bert", "1234", "+1234567890123456", "12 34 56 x"]) {
    assert.equal(normalizeTarget(raw), null, raw);
    assert.equal(looksLikeTarget(raw), false, raw);
  }
});

test("entries of allowFrom are as the official channel stores them", () => {
  const entries = ["*", "+15550100123", "whatsapp:15550100123@s.whatsapp.net", "nobody"];
  const own = entries.map(normalizeAllowEntry).filter((entry) => entry !== null);
  assert.deepEqual([...new Set(own)], official.normalizeWhatsAppAllowFromEntries(entries));
});

test("the kind of a target decides on its session", () => {
  assert.equal(targetKind("+15550100123"), "direct");
  assert.equal(targetKind("1@lid"), "direct");
  assert.equal(targetKind("1@g.us"), "group");
  assert.equal(targetKind("1@newsletter"), "channel");
});

test("a channel is refused with what can be done instead", () => {
  assert.throws(() => sendTarget("120363000000000009@newsletter"), /cannot post to WhatsApp channels.*group instead/);
  assert.throws(() => sendTarget("Bert"), /no WhatsApp target.*country code/);
  assert.equal(sendTarget("whatsapp:+15550100123"), "+15550100123");
});

test("allowFrom limits people, not groups", () => {
  const list = ["+15550100123", 15550100124];
  assert.equal(isAllowed("+15550100123", list), true);
  assert.equal(isAllowed("+15550100124", list), true);
  assert.equal(isAllowed("+15550100125", list), false);
  assert.equal(isAllowed("+15550100125", [...list, "*"]), true);
  assert.equal(isAllowed("+15550100125", []), true);
  assert.equal(isAllowed("1@g.us", list), true);
});

test("targets are resolved as on the official channel, but for channels", () => {
  const params = { allowFrom: ["+15550100123"], mode: "implicit" as const };
  for (const to of ["+15550100123", "+15550100199", "120363000000000001@g.us", "", "nobody"]) {
    const [own, theirs] = [resolveTarget({ ...params, to }), official.resolveWhatsAppOutboundTarget({ ...params, to })];
    assert.equal(own.ok, theirs.ok, to);
    assert.equal(own.ok && own.to, theirs.ok && theirs.to, to);
  }
  assert.equal(resolveTarget({ ...params, to: "120363000000000009@newsletter" }).ok, false);
});

test("sessions are those of the official channel", () => {
  const route = official.whatsappPlugin.messaging.resolveOutboundSessionRoute;
  for (const accountId of [undefined, "work"])
    for (const dmScope of ["main", "per-account-channel-peer"])
      for (const target of ["+15550100123", "120363000000000001@g.us", "120363000000000009@newsletter", "nobody"]) {
        const params = { cfg: { session: { dmScope } }, agentId: "main", accountId, target } as never;
        assert.deepEqual(
          messaging.resolveOutboundSessionRoute?.(params),
          route(params),
          `${accountId} ${dmScope} ${target}`,
        );
      }
});

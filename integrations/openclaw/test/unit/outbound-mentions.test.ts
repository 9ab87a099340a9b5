import assert from "node:assert/strict";
import { test } from "node:test";
import { mayMention, resolveMentions } from "../../src/outbound/mentions.js";

const ANN = { phone: "+15550100101", lid: "111@lid" };
const BERT = { phone: "+15550100102", lid: "" };
const EVE = { phone: "", lid: "333@lid" };
const MEMBERS = [ANN, BERT, EVE];

const CASES: [text: string, shown: string, mentions: string[]][] = [
  ["@+15550100101 hi", "@111 hi", ["111@lid"]],
  ["@15550100101 hi", "@111 hi", ["111@lid"]],
  ["@+15550100102, hi", "@15550100102, hi", ["+15550100102"]],
  ["(@333)", "(@333)", ["333@lid"]],
  ["@111 and @+15550100101", "@111 and @111", ["111@lid"]],
  ["@111 @333 @15550100102", "@111 @333 @15550100102", ["111@lid", "333@lid", "+15550100102"]],
  ["@+15550100199 is no member", "@+15550100199 is no member", []],
  ["mail a@111 or x@@111", "mail a@111 or x@@111", []],
  ["@111abc", "@111abc", []],
  ["`@111` and ```\n@333\n```", "`@111` and ```\n@333\n```", []],
  ["```@111", "```@111", []],
  ["", "", []],
];

for (const [text, shown, mentions] of CASES) {
  test(`mentions in ${JSON.stringify(text)}`, () => {
    const resolved = resolveMentions(text, MEMBERS);
    assert.equal(resolved.text, shown);
    assert.deepEqual(
      resolved.mentions.map(({ phone, lid }) => lid || phone),
      mentions,
    );
  });
}

test("a number wins with a plus, a LID without one", () => {
  const twin = { phone: "+222", lid: "444@lid" };
  const other = { phone: "+555", lid: "222@lid" };
  assert.equal(resolveMentions("@+222", [twin, other]).mentions[0]?.lid, "444@lid");
  assert.equal(resolveMentions("@222", [twin, other]).mentions[0]?.lid, "222@lid");
});

test("members are fetched only for texts that may mention", () => {
  assert.equal(mayMention("@ home"), false);
  assert.equal(mayMention("hi @+1555"), true);
});

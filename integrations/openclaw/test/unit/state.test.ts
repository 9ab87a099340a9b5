import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentError, Code, LinkState, Policy, Role } from "@openclaw-agent/client";
import { NoAgentError } from "../../src/agents.js";
import { resolveAccount } from "../../src/config/account.js";
import { viewOf, viewOfFailure } from "../../src/link/state.js";
import { collectStatusIssues } from "../../src/link/status.js";
import { type StatusInit, statusOf } from "./link.js";

const account = (whatsapp: object = {}) => resolveAccount({ channels: { whatsapp } } as never);
const phone = "+15550100001";
const look = (status: StatusInit, whatsapp?: object) => viewOf(statusOf(status), account(whatsapp));

const DOWN: [LinkState, object, RegExp, RegExp][] = [
  [LinkState.UNLINKED, {}, /Not linked/, /openclaw channels login --channel whatsapp/],
  [LinkState.LOGGED_OUT, { phone, code: 401 }, /logged this device out \(code 401\)/, /channels login/],
  [LinkState.REPLACED, { phone }, /Another process/, /resume/],
  [
    LinkState.BANNED,
    { phone, bannedUntil: { seconds: 1_796_000_000n }, hint: "wait" },
    /banned the account until 2026-/,
    /wait/,
  ],
  [LinkState.OUTDATED, { phone }, /no longer accepts this version/, /update the agent/],
  [LinkState.BACKING_OFF, { phone, hint: "check the network" }, /reconnects/, /check the network/],
];

for (const [state, link, message, fix] of DOWN)
  test(`a link that is ${LinkState[state]} is one issue, with what to do`, () => {
    const view = look({ link: { state, ...link } });
    assert.equal(view.connected, false);
    assert.equal(view.state, LinkState[state].toLowerCase());
    assert.equal(view.issues.length, 1);
    assert.match(view.issues[0]?.message ?? "", message);
    assert.match(view.issues[0]?.fix ?? "", fix);
  });

test("only an account without a phone, or logged out, counts as not linked", () => {
  const linked = (state: LinkState) => look({ link: { state, phone } }).linked;
  assert.equal(linked(LinkState.UNLINKED), false);
  assert.equal(linked(LinkState.LOGGED_OUT), false);
  for (const state of [LinkState.CONNECTED, LinkState.CONNECTING, LinkState.BACKING_OFF, LinkState.REPLACED])
    assert.equal(linked(state), true);
});

test("a link that works has no issues", () => {
  const view = look({
    link: { state: LinkState.CONNECTED, phone },
    rules: { unrestricted: true },
    caller: { role: Role.SENDER },
  });
  assert.deepEqual(view, { state: "connected", linked: true, connected: true, issues: [] });
});

test("a restriction and held messages are issues of a link that is up", () => {
  const view = look({
    link: { state: LinkState.CONNECTED, phone, restriction: { code: 463, until: { seconds: 1_796_000_000n } } },
    hold: { hint: "run `openclawctl rollback`" },
  });
  assert.equal(view.connected, true);
  assert.match(view.issues[0]?.message ?? "", /restricts the account \(code 463\) until 2026-/);
  assert.match(view.issues[1]?.fix ?? "", /rollback/);
});

test("a reader cannot serve the channel", () => {
  const view = look({ link: { state: LinkState.CONNECTED, phone }, caller: { role: Role.READER } });
  assert.equal(view.issues[0]?.kind, "permissions");
  assert.match(view.issues[0]?.fix ?? "", /--role operator/);
});

test("the agent's allowlist must not hide people from the gateway's pairing", () => {
  const status = {
    link: { state: LinkState.CONNECTED, phone },
    rules: { dmPolicy: Policy.ALLOWLIST, file: "/etc/openclaw.yml" },
  };
  const [issue] = look(status).issues;
  assert.match(issue?.message ?? "", /allowlist \(\/etc\/openclaw.yml\).*no pairing code/);
  assert.match(issue?.fix ?? "", /dmPolicy: open/);
  assert.equal(look(status, { dmPolicy: "open" }).issues.length, 1);
  for (const dmPolicy of ["allowlist", "disabled"]) assert.deepEqual(look(status, { dmPolicy }).issues, []);
  assert.deepEqual(look({ ...status, rules: { dmPolicy: Policy.OPEN } }).issues, []);
});

test("the agent's rules must not hide groups from a gateway that is open to them", () => {
  const rules = { dmPolicy: Policy.OPEN, groupPolicy: Policy.ALLOWLIST };
  const status = { link: { state: LinkState.CONNECTED, phone }, rules };
  assert.match(look(status, { groupPolicy: "open" }).issues[0]?.message ?? "", /restricts groups/);
  assert.deepEqual(look(status).issues, []);
});

test("an agent that does not answer is reported with its address", () => {
  const settings = { agent: { socket: "/run/x.sock" } };
  const refused = new AgentError({ code: Code.Unavailable, reason: "UNAVAILABLE", message: "connection refused" });
  const view = viewOfFailure(refused, account(settings));
  assert.equal(view.state, "unreachable");
  assert.equal(view.linked, undefined);
  assert.match(view.issues[0]?.fix ?? "", /\/run\/x\.sock/);
  const denied = new AgentError({
    code: Code.PermissionDenied,
    reason: "ROLE",
    message: "no",
    hint: "enroll it as sender",
  });
  assert.equal(viewOfFailure(denied, account(settings)).issues[0]?.fix, "enroll it as sender");
});

test("a configuration without an agent is an issue of the configuration", () => {
  const view = viewOfFailure(new NoAgentError("names no agent: set it"), account());
  assert.deepEqual([view.state, view.issues[0]?.kind], ["misconfigured", "config"]);
});

test("issues of snapshots are the gateway's issues, but for disabled accounts", () => {
  const issues = [{ kind: "auth" as const, message: "Not linked.", fix: "log in" }];
  const snapshots = [
    { accountId: "default", enabled: true, issues },
    { accountId: "off", enabled: false, issues },
    { accountId: "other" },
  ];
  assert.deepEqual(collectStatusIssues(snapshots), [{ channel: "whatsapp", accountId: "default", ...issues[0] }]);
});

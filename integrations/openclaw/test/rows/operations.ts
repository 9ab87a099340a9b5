/** What an operator does and sees. */

import assert from "node:assert/strict";
import { OPENCLAW } from "../harness/binaries.ts";
import { Service } from "../harness/process.ts";
import { ACCOUNT, type Rig, WORK } from "../harness/rig.ts";
import { until } from "../harness/wait.ts";
import { row } from "./row.ts";

const PHONE_CODE = /type ([A-Z0-9]{4}-[A-Z0-9]{4})/;

const listGroups = (rig: Rig) => rig.gateway.cli("directory", "groups", "list", "--channel", "whatsapp", "--json");

/** `openclaw channels login` of the second account, for a phone that cannot scan. */
function loginByPhone({ gateway }: Rig): Service {
  const args = [OPENCLAW, "channels", "login", "--channel", "whatsapp", "--account", "work"];
  const env = { ...gateway.env, OPENCLAW_WHATSAPP_LOGIN_PHONE: WORK };
  return new Service("login by phone code", process.execPath, args, { env, cwd: gateway.folder });
}

export const operations = [
  row("`channels status --probe`", async (rig) => {
    const status = await rig.gateway.must("channels", "status", "--probe");
    assert.match(status, /whatsapp default.*(running|connected)/i);
    assert.match(status, /whatsapp work.*(running|connected)/i);
  }),

  row("Directory: the account and people", async (rig) => {
    const anna = rig.person();
    const word = rig.script({ text: "listed" });
    await anna.say(`${word} hello`);
    await anna.reads("listed");
    const own = await rig.gateway.must("directory", "self", "--channel", "whatsapp", "--json");
    assert.ok(own.includes(ACCOUNT.slice(1)), own);
    const peers = await rig.gateway.must(
      "directory",
      "peers",
      "list",
      "--channel",
      "whatsapp",
      "--query",
      anna.number,
      "--json",
    );
    assert.ok(peers.includes(anna.number.slice(1)), peers);
  }),

  row("Directory: groups", async (rig) => {
    const group = await rig.group("Listed", rig.person());
    const query = { channel: "whatsapp", agentId: "main", query: "Listed" };
    const found = JSON.stringify(await rig.gateway.rpc.call("conversations.list", query));
    assert.ok(found.includes(group), found);
  }),

  row(
    "Directory: groups, from the command line while the gateway runs",
    async (rig) => {
      const group = await rig.group("Listed", rig.person());
      const { stdout, stderr } = await listGroups(rig);
      assert.ok(stdout.includes(group), stdout + stderr);
    },
    {
      officialLacks: async (rig) => {
        const group = await rig.group("Not listed", rig.person());
        const { status, stdout, stderr } = await listGroups(rig);
        assert.notEqual(status, 0, stdout);
        assert.ok(!stdout.includes(group), stdout + stderr);
      },
    },
  ),

  row("`message send` from the command line", async (rig) => {
    const anna = rig.person();
    await rig.gateway.must(
      "message",
      "send",
      "--channel",
      "whatsapp",
      "--target",
      anna.number,
      "--message",
      "from the shell",
    );
    await anna.reads("from the shell");
  }),

  row("Heartbeats are delivered", async (rig) => {
    const word = rig.script({ text: "the anchor drags" });
    await rig.gateway.rpc.call("wake", { mode: "now", text: `${word} check the anchor` });
    await rig.watchman.reads("the anchor drags");
  }),

  row("Login by QR code, and logout", async (rig) => {
    const { cleared } = await rig.gateway.rpc.call("channels.logout", { channel: "whatsapp", accountId: "work" });
    assert.equal(cleared, true);
    await rig.login(WORK, "work");
    const anna = rig.person(WORK);
    const word = rig.script({ text: "here again" });
    await anna.say(`${word} are you there?`);
    await anna.reads("here again");
  }),

  row(
    "Login by phone code, on the command line",
    async (rig) => {
      await rig.gateway.rpc.call("channels.logout", { channel: "whatsapp", accountId: "work" });
      const login = loginByPhone(rig);
      const code = PHONE_CODE.exec(await login.line(PHONE_CODE))?.[1];
      await rig.simulator.post("/phone/code", { account: WORK, code });
      await login.line(/Linked to/);
      await rig.gateway.connected("work");
      const anna = rig.person(WORK);
      const word = rig.script({ text: "linked by code" });
      await anna.say(`${word} are you there?`);
      await anna.reads("linked by code");
    },
    {
      officialLacks: async (rig) => {
        await rig.gateway.rpc.call("channels.logout", { channel: "whatsapp", accountId: "work" });
        const login = loginByPhone(rig);
        await login.line(/scan this QR/);
        assert.doesNotMatch(login.tail(), PHONE_CODE);
        await login.stop();
        await rig.login(WORK, "work");
      },
    },
  ),

  row(
    "Logout removes the linked device from the phone",
    async (rig) => {
      const { gateway, simulator } = rig;
      await gateway.rpc.call("channels.logout", { channel: "whatsapp", accountId: "work" });
      await until(
        "the phone shows no device",
        async () => (await simulator.get("/phone/devices", { account: WORK })).length === 0,
      );
      await rig.login(WORK, "work");
    },
    {
      officialLacks: async (rig) => {
        const devices = async () => (await rig.simulator.get("/phone/devices", { account: WORK })).length;
        const before = await devices();
        await rig.gateway.rpc.call("channels.logout", { channel: "whatsapp", accountId: "work" });
        await rig.login(WORK, "work");
        assert.equal(await devices(), before + 1, "the old device is still on the phone");
      },
    },
  ),

  row("`openclaw doctor`", async (rig) => {
    const { status, stdout, stderr } = await rig.gateway.cli("doctor", "--non-interactive");
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stdout, /whatsapp.*(not linked|invalid|unreachable)/i);
  }),
];

/** What an operator does and sees. */

import assert from "node:assert/strict";
import { ACCOUNT, WORK } from "../harness/rig.ts";
import { until } from "../harness/wait.ts";
import { row } from "./row.ts";

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

  row(
    "Directory: groups",
    async (rig) => {
      const group = await rig.group("Listed", rig.person());
      const groups = await rig.gateway.must("directory", "groups", "list", "--channel", "whatsapp", "--json");
      assert.ok(groups.includes(group), groups);
    },
    { official: false },
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
    { official: false },
  ),

  row("`openclaw doctor`", async (rig) => {
    const { status, stdout, stderr } = await rig.gateway.cli("doctor", "--non-interactive");
    assert.equal(status, 0, stdout + stderr);
    assert.doesNotMatch(stdout, /whatsapp.*(not linked|invalid|unreachable)/i);
  }),
];

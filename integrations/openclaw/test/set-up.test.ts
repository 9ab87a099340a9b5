/** Follows docs/openclaw.md as a newcomer: types its commands, and logs in at the terminal and in the Control UI. */

import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Agent } from "./harness/agent.ts";
import { ControlUi } from "./harness/control-ui.ts";
import { Gateway } from "./harness/gateway.ts";
import { Model } from "./harness/model.ts";
import { commands, Shell } from "./harness/page.ts";
import { Person } from "./harness/person.ts";
import { readQrLines } from "./harness/qr.ts";
import { packed } from "./harness/sides.ts";
import { Simulator } from "./harness/simulator.ts";
import { until } from "./harness/wait.ts";

const [ACCOUNT, OTHER_ACCOUNT, ANNA] = ["+15550141001", "+15550141002", "+15550141003"] as const;
const PAIRING_CODE = /Pairing code:\s+```\s+([A-Z0-9]{8})/;
/** The address on the page. */
const ADDRESS = "agent.example.com:50051";

describe("a newcomer follows the page", () => {
  let simulator: Simulator;
  let model: Model;
  let gateway: Gateway;
  const agents: Agent[] = [];

  const startAgent = async (name: string): Promise<Agent> => {
    const agent = await Agent.start(name, simulator);
    agents.push(agent);
    return agent;
  };
  const typed = async (what: string, run: () => Promise<void>): Promise<void> => {
    try {
      await run();
    } catch (error) {
      const logs = [
        `--- gateway ---\n${gateway.tail()}`,
        ...agents.map((agent) => `--- ${agent.name} ---\n${agent.tail()}`),
      ];
      if (error instanceof Error) error.message = `${what}: ${[error.message, ...logs].join("\n")}`;
      throw error;
    }
  };
  /** Anna writes to an account, and is answered. */
  const answered = async (account: string, answer: string): Promise<void> => {
    const anna = new Person(simulator, ANNA, account);
    model.on(answer, { text: `the answer to ${answer}` });
    await anna.say(`${answer} hello`);
    await anna.gets(answer, ({ from, text }) => from === account && text?.includes(`the answer to ${answer}`));
  };

  before(async () => {
    simulator = await Simulator.start();
    model = await Model.start();
    gateway = await Gateway.create("of a newcomer", model.url);
    const tarball = packed().slice("npm-pack:".length);
    await copyFile(tarball, join(gateway.folder, basename(tarball)));
  });
  after(async () => {
    await gateway?.dispose();
    await Promise.all(agents.map((agent) => agent.dispose()));
    await model?.stop();
    await simulator?.service.stop();
  });

  test("sets it up, links at the terminal, and lets a person in", () =>
    typed("Set it up", async () => {
      const agent = await startAgent("the agent");
      const shell = await Shell.open(gateway.folder, { ...gateway.env, OPENCLAW_SOCKET: agent.socket });
      const [install, configure, start, login, approve, ...others] = await commands("Set it up");
      assert.ok(install && configure && start && login && approve);
      assert.deepEqual(others, []);
      await shell.type(install);
      await shell.type(configure);
      await gateway.adopt(shell.start(start));
      await linkAtTerminal(shell, login);
      const anna = new Person(simulator, ANNA, ACCOUNT);
      await anna.say("may I?");
      const { text = "" } = await anna.gets("a pairing code", (shown) => PAIRING_CODE.test(shown.text ?? ""));
      await shell.type(approve.replace("CODE", PAIRING_CODE.exec(text)?.[1] ?? ""));
      await answered(ACCOUNT, "first");
    }));

  const linkAtTerminal = async (shell: Shell, login: string): Promise<void> => {
    const terminal = shell.onTerminal(login);
    const qr = await until("a QR code on the terminal", () => {
      if (terminal.ended) throw new Error(`$ ${login}\n${terminal.tail()}`);
      return readQrLines(terminal.lines);
    });
    await simulator.post("/phone/scan", { qr, account: ACCOUNT });
    await terminal.line(/Linked to \+15…01\./);
    await until("the end of the login", () => terminal.ended);
    await gateway.connected();
  };

  test("uses an agent on another machine, and links in the Control UI", () =>
    typed("An agent on another machine", async () => {
      const agent = await startAgent("the other machine's agent");
      const code = await agent.enrollmentCode();
      const shell = await Shell.open(gateway.folder, { ...gateway.env, OPENCLAW_ENROLL_CODE: code });
      const lines = await commands("An agent on another machine");
      assert.equal(lines.filter((line) => line.includes(ADDRESS)).length, 2);
      for (const line of lines) await shell.type(line.replace(ADDRESS, agent.address));
      await until("the other agent", async () => (await gateway.account())?.linked === false);
      await linkInControlUi();
      await answered(OTHER_ACCOUNT, "second");
    }));

  const linkInControlUi = async (): Promise<void> => {
    const ui = await ControlUi.open(gateway);
    try {
      await ui.press("Show QR");
      await ui.press("Wait for scan");
      await simulator.post("/phone/scan", { qr: await ui.code(), account: OTHER_ACCOUNT });
      await ui.shows("Linked to +15…02. WhatsApp is ready.");
      await gateway.connected();
      assert.deepEqual(ui.origins, [new URL(gateway.channelsPage).origin]);
    } finally {
      await ui.close();
    }
  };

  test("no rule of the protocol was broken", () => simulator.assertClean());
});

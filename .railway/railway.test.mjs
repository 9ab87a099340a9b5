// Compares what railway.ts evaluates to with the steps in docs/deploy/railway.md, which set the same by hand.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test from "node:test";

import { createRailwayContext, validateGraph } from "railway/iac";

import program from "./railway.ts";

const page = await readFile(new URL("../docs/deploy/railway.md", import.meta.url), "utf8");
const context = createRailwayContext({ command: "plan", environment: "production" });
// The CLI reads the result as JSON.
const project = JSON.parse(JSON.stringify(await program(context)));
const [agent, auth] = project.resources;

/** The options of the commands in the page that begin like this, up to the end of their code block. */
function commands(start) {
  const found = page.split(`$ ${start}`).slice(1).map((rest) => rest.split(/\n(?:\$ |```)/)[0].replaceAll("\\\n", " "));
  assert.ok(found.length > 0, `no step has \`${start}\``);
  return found;
}

test("the project is valid: one service with one volume", () => {
  assert.deepEqual(validateGraph({ version: 1, project, environments: [], resources: project.resources, edges: [] }), []);
  assert.deepEqual(project.resources.map((it) => it.address), ["service.openclaw-agent", "volume.auth"]);
  assert.deepEqual(agent.volumeAttachments.auth, { volume: auth.address, mountPath: "/app/auth", volumeConfig: auth.config });
});

test("the steps make the same service, volume and proxy", () => {
  assert.ok(page.includes(`railway add --service ${agent.name}\n`));
  const [added] = commands("railway volume add --mount-path");
  assert.equal(added.trim(), agent.volumeAttachments.auth.mountPath);
  const [renamed] = commands("railway volume update");
  assert.equal(renamed.match(/--name (\S+)/)[1], auth.name);
  const [port] = commands("railway tcp-proxy create --port");
  assert.deepEqual(Object.keys(agent.networking.tcpProxies), [port.trim()]);
});

test("the steps set the same variables", () => {
  const [step] = commands("railway variable set --skip-deploys");
  const set = new Map([...step.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name, value]) => [name, value]));
  for (const [name, variable] of Object.entries(agent.variables)) {
    if (variable.type === "literal") assert.equal(set.get(name), variable.value, name);
    else assert.deepEqual(variable, { type: "preserve" }, name);
  }
  for (const name of set.keys()) assert.ok(name in agent.variables, `${name} would be deleted`);
});

test("the steps set the same health check and restarts", () => {
  const [step] = commands("railway environment edit");
  const set = [...step.matchAll(/--service-config (\S+) deploy\.(\w+) (\S+)/g)];
  assert.ok(set.every(([, service]) => service === agent.name));
  // The page names the variables for these two.
  const { drainingSeconds, overlapSeconds, ...deploy } = agent.deploy;
  assert.equal(agent.variables.RAILWAY_DEPLOYMENT_DRAINING_SECONDS.value, String(drainingSeconds));
  assert.equal(agent.variables.RAILWAY_DEPLOYMENT_OVERLAP_SECONDS.value, String(overlapSeconds));
  assert.deepEqual(
    Object.fromEntries(set.map(([, , field, value]) => [field, value])),
    Object.fromEntries(Object.entries(deploy).map(([field, value]) => [field, String(value)])),
  );
});

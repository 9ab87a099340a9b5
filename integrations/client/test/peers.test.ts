// Peers that are no agent, or none that answers.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttp2Server, type ServerHttp2Stream } from "node:http2";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Agent, type AgentError, Code, type Target } from "@openclaw-agent/client";
import { failureOf } from "./rig/failure.ts";

let folder: string;
const servers: Server[] = [];
const sockets = new Set<Socket>();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-client-"));
});

after(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  await rm(folder, { recursive: true });
});

/** Serves on a unix socket. Returns its path. */
async function served(server: Server): Promise<string> {
  const path = join(folder, `${servers.length}.sock`);
  servers.push(server);
  server.on("connection", (socket) => sockets.add(socket.on("error", () => {})));
  server.listen(path);
  await once(server, "listening");
  return path;
}

/** A server of HTTP/2 that treats each request so. */
function http2(answer: (stream: ServerHttp2Stream) => void): Server {
  const server = createHttp2Server();
  server.on("sessionError", () => {});
  server.on("stream", (stream) => answer(stream.on("error", () => {})));
  return server;
}

function grpc(headers: Record<string, string>, body?: string): Server {
  return http2((stream) => {
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", ...headers },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(Buffer.from(body, "hex"));
  });
}

function page(status: number): Server {
  return http2((stream) => {
    stream.respond({ ":status": status, "content-type": "text/html" });
    stream.end("hi");
  });
}

async function failureAt(target: Target): Promise<AgentError> {
  const agent = Agent.connect(target);
  try {
    return await failureOf(agent.rpc.agent.status({}));
  } finally {
    agent.close();
  }
}

const garbage = () => createServer((socket) => socket.write(Buffer.alloc(5_000, "A")));

const PEERS: [what: string, server: () => Server, reason: string][] = [
  ["garbage", garbage, "NOT_AN_AGENT"],
  ["a server that closes", () => createServer((socket) => socket.destroy()), "CLOSED"],
  ["HTTP/1.1", () => createHttpServer((_, response) => response.end("hi")), "NOT_AN_AGENT"],
  ["a page", () => page(200), "NOT_AN_AGENT"],
  ["502", () => page(502), "NOT_AN_AGENT"],
  ["a reset stream", () => http2((stream) => stream.close(2)), "CONNECTION_LOST"],
  ["a canceled stream", () => http2((stream) => stream.close(8)), "CONNECTION_LOST"],
  ["a lost connection", () => http2((stream) => stream.session?.destroy()), "CONNECTION_LOST"],
  ["an answer without its end", () => grpc({}, ""), "CONNECTION_LOST"],
  ["garbage in an answer", () => grpc({}, "ffffffffffffff"), "NOT_AN_AGENT"],
  ["an answer of 4 GiB", () => grpc({}, "00ffffffff00"), "NOT_AN_AGENT"],
  ["garbage in a message", () => grpc({}, "0000000003ffffff"), "NOT_AN_AGENT"],
  ["another gRPC server", () => grpc({ "grpc-status": "12", "grpc-message": "private" }), "NOT_AN_AGENT"],
  ["garbage in an error", () => grpc({ "grpc-status": "9", "grpc-status-details-bin": "%%%" }), "NOT_AN_AGENT"],
];

for (const [what, server, reason] of PEERS) {
  test(`${what} is ${reason}`, async () => {
    const socket = await served(server());
    const error = await failureAt({ socket });
    assert.equal(error.reason, reason);
    assert.equal(error.code, Code.Unavailable);
    assert.ok(error.message.includes(socket));
    assert.doesNotMatch(error.message, /private/);
  });
}

const NOWHERE: [socket: string, reason: string][] = [
  ["/nonexistent/agent.sock", "UNREACHABLE"],
  ["/etc/passwd", "UNREACHABLE"],
  [tmpdir(), "UNREACHABLE"],
];

for (const [socket, reason] of NOWHERE) {
  test(`the socket ${socket} is ${reason}`, async () => {
    assert.equal((await failureAt({ socket })).reason, reason);
  });
}

test("a target that cannot be is refused at once", () => {
  const keys = { ca: "", cert: "", key: "" };
  const invalid: Target[] = [{ socket: "" }, { socket: `/tmp/${"x".repeat(200)}` }];
  for (const address of [
    "",
    "host",
    "https://host:1",
    "host:0",
    "host:99999",
    "::1:5",
    "user@host:1",
    "host:1/x",
    "a b:1",
  ]) {
    invalid.push({ address, ...keys });
  }
  for (const target of invalid)
    assert.throws(() => Agent.connect(target), { reason: "INVALID_TARGET", name: "AgentError" });
});

test("peers that say nothing are NO_ANSWER", { timeout: 60_000, concurrency: true }, async (t) => {
  const [mute, hung] = [await served(createServer(() => {})), await served(http2(() => {}))];
  await Promise.all([
    t.test("no byte, for a call and for a stream", async () => {
      const agent = Agent.connect({ socket: mute });
      const lost = Promise.withResolvers<AgentError>();
      const items = agent.watch({ onLost: lost.resolve });
      const next = items.next();
      const error = await failureOf(agent.rpc.agent.status({}));
      assert.match(`${error.reason} ${error.message}`, /^NO_ANSWER .* did not answer within 10 s$/);
      assert.equal((await lost.promise).reason, "NO_ANSWER");
      agent.close();
      assert.equal((await next).done, true);
    }),
    t.test("HTTP/2 with pings, but no answer to a call", async () => {
      const agent = Agent.connect({ socket: hung });
      const error = await failureOf(agent.rpc.agent.status({}, { timeoutMs: 300 }));
      assert.equal(error.reason, "NO_ANSWER");
      assert.equal(error.code, Code.DeadlineExceeded);
      const sent = await failureOf(
        agent.send({ to: "+15550100002", timeout: { nanos: 1 } }, { signal: AbortSignal.timeout(200) }),
      );
      assert.equal(sent.reason, "CANCELED");
      agent.close();
    }),
    t.test("HTTP/2 without the first heartbeat", async () => {
      const agent = Agent.connect({ socket: hung });
      const lost = Promise.withResolvers<AgentError>();
      const next = agent.watch({ onLost: lost.resolve }).next();
      assert.match((await lost.promise).message, /sent nothing for 30 s/);
      agent.close();
      assert.equal((await next).done, true);
    }),
    t.test("a machine that is gone: no answer to a ping", async () => {
      // It speaks HTTP/2 through a proxy that stops to forward: as a machine that lost its power does.
      const hung = await served(http2(() => {}));
      let stalled = false;
      const proxy = await served(
        createServer((client) => {
          const server = connect(hung);
          sockets.add(server.on("error", () => {}));
          client.on("data", (data) => !stalled && server.write(data));
          server.on("data", (data) => !stalled && client.write(data));
        }),
      );
      const agent = Agent.connect({ socket: proxy });
      const call = failureOf(agent.rpc.agent.status({}));
      await new Promise((resolve) => setTimeout(resolve, 200));
      stalled = true;
      const error = await call;
      assert.match(`${error.reason} ${error.message}`, /^NO_ANSWER .* within 10 s$/);
      agent.close();
    }),
  ]);
});

test("only a send with a token is made again", async () => {
  let attempts = 0;
  const socket = await served(
    http2((stream) => {
      attempts++;
      stream.close(2);
    }),
  );
  const agent = Agent.connect({ socket });
  assert.equal((await failureOf(agent.send({ to: "+15550100002" }))).reason, "CONNECTION_LOST");
  assert.equal(attempts, 1);
  const lost = await failureOf(agent.send({ to: "+15550100002", clientToken: "again" }, { retryForMs: 1_000 }));
  assert.ok(lost.outcomeUnknown && attempts > 2, `${attempts} attempts`);
  agent.close();
});

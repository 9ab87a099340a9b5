import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
const contract = loadSync("openclaw/agent/v1/agent.proto", { includeDirs: ["proto/proto"], longs: String });
const { Agent } = grpc.loadPackageDefinition(contract).openclaw.agent.v1;
const agent = new Agent(`unix:${process.env.OPENCLAW_SOCKET}`, grpc.credentials.createInsecure());
const [send, ack] = [agent.Send, agent.AckEvents].map((call) => promisify(call).bind(agent));
const people = { kinds: ["EVENT_KIND_MESSAGE"], chatKinds: ["CHAT_KIND_PERSON"] };
for await (const { event } of agent.WatchEvents({ consumer: "answer", follow: true, filter: people })) {
  const { origin, content } = event?.message ?? {};
  const text = { body: `You wrote: ${content?.text?.body.slice(0, 99)}` };
  if (content?.text && !origin.fromMe)
    await send({ to: origin.chat, content: { text }, clientToken: `answer-${event.seq}`, queue: true });
  if (event) await ack({ consumer: "answer", seq: event.seq });
}

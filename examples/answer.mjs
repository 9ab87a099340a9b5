import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
const contract = loadSync("openclaw/agent/v1/agent.proto", { includeDirs: ["proto/proto"], longs: String });
const { Agent } = grpc.loadPackageDefinition(contract).openclaw.agent.v1;
const agent = new Agent(`unix:${process.env.OPENCLAW_SOCKET}`, grpc.credentials.createInsecure());
const [send, ack] = [agent.Send, agent.AckEvents].map((call) => promisify(call).bind(agent));
const what = { consumer: "answer", follow: true, kinds: ["EVENT_KIND_MESSAGE"], chatKinds: ["CHAT_KIND_PERSON"] };
for await (const { event } of agent.WatchEvents(what)) {
  const { seq, message } = event ?? {};
  const text = `You wrote: ${message?.text.slice(0, 99)}`;
  if (message?.text && !message.fromMe && Date.now() / 1000 - message.sentAt.seconds < 3600)
    await send({ to: message.chat, text, token: `answer-${seq}`, queue: true });
  if (event) await ack({ consumer: "answer", seq });
}

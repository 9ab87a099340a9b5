// Answers direct messages, each at most once, whatever is killed when.
import { Agent, AgentError, ChatKind, EventKind, loadKeys } from "@openclaw-agent/client";

const { AGENT_ADDRESS: address, AGENT_KEYS: keys } = process.env;
// Over the network with the keys of `openclawctl context export --pem DIR`, else the agent on this machine.
const agent = address ? Agent.connect({ address, ...(await loadKeys(keys)) }) : Agent.connect();
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop.abort());

const consumer = "answer";
const filter = { kinds: [EventKind.MESSAGE], chatKinds: [ChatKind.PERSON] };
const onLost = (error) => console.error(`waiting for the agent: ${error.message}`);
const onResumed = () => console.error("the agent is back");

for await (const { item } of agent.watch({ consumer, filter, signal: stop.signal, onLost, onResumed })) {
  if (item.case !== "event" || item.value.kind.case !== "message") continue;
  const { seq, kind } = item.value;
  const { origin, content } = kind.value;
  if (!origin.fromMe && content?.kind.case === "text") await answer(seq, origin.chat, content.kind.value.body);
  // After the answer: an event that is not acknowledged comes again at the next start.
  await agent.ack(consumer, seq);
}
agent.close();

async function answer(seq, to, text) {
  const payload = {
    case: "content",
    value: { kind: { case: "text", value: { body: `You wrote: ${text.slice(0, 99)}` } } },
  };
  try {
    // The token makes it one message, however often this is repeated for the same event.
    await agent.send({ to, payload, clientToken: `answer-${seq}`, queue: true });
  } catch (error) {
    // A supervisor starts this program again, which repeats the event. An error that stays would repeat it forever.
    if (!AgentError.is(error) || error.transient) throw error;
    console.error(`no answer to event ${seq}: ${error.reason}: ${error.message}; ${error.hint}`);
  }
}

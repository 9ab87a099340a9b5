import os, sys, grpc
sys.path.append("proto/proto")
api, watch, send = (grpc.protos_and_services(f"openclaw/agent/v1/{name}.proto") for name in ("agent", "watch", "send"))

channel = grpc.insecure_channel("unix:" + os.environ["OPENCLAW_SOCKET"], [("grpc.default_authority", "localhost")])
agent, people = api[1].AgentStub(channel), dict(kinds=["EVENT_KIND_MESSAGE"], chat_kinds=["CHAT_KIND_PERSON"])
for item in agent.WatchEvents(watch[0].WatchEventsRequest(consumer="answer", follow=True, filter=people)):
    if item.HasField("event"):
        seq, message = item.event.seq, item.event.message
        if message.content.text.body and not message.origin.from_me:
            answer = dict(text=dict(body="You wrote: " + message.content.text.body[:99]))
            agent.Send(send[0].SendRequest(to=message.origin.chat, content=answer, client_token=f"answer-{seq}", queue=True))
        agent.AckEvents(watch[0].AckEventsRequest(consumer="answer", seq=seq))

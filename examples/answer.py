import os, sys, time, grpc
sys.path.append("proto/proto")
pb, api = grpc.protos_and_services("openclaw/agent/v1/agent.proto")

channel = grpc.insecure_channel("unix:" + os.environ["OPENCLAW_SOCKET"], [("grpc.default_authority", "localhost")])
agent = api.AgentStub(channel)
what = dict(consumer="answer", follow=True, kinds=["EVENT_KIND_MESSAGE"], chat_kinds=["CHAT_KIND_PERSON"])
for item in agent.WatchEvents(pb.WatchEventsRequest(**what)):
    if item.HasField("event"):
        seq, message = item.event.seq, item.event.message
        if message.text and not message.from_me and time.time() - message.sent_at.seconds < 3600:
            text = "You wrote: " + message.text[:99]
            agent.Send(pb.SendRequest(to=message.chat, text=text, token=f"answer-{seq}", queue=True))
        agent.AckEvents(pb.AckEventsRequest(consumer="answer", seq=seq))

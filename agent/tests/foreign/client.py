"""Calls every method of every service with grpcio, a gRPC that shares no code with the agent's.

It has no .proto files and no generated code: it learns the API by reflection. The test that starts it
(agent/tests/it/foreign.rs) acts as the phone and the contacts: each line of JSON on stdout is a request to it, and the
last line lists the methods that were called.

usage: client.py HOST:PORT every|refused|revoked PHONE CONTACT [FOLDER with agent.pem, client.pem, client-key.pem]
"""

import hashlib
import json
import pathlib
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

PACKAGE = "openclaw.agent.v1."
HEALTH = "grpc.health.v1.Health"
# The database of descriptors calls it constantly.
REFLECTION = {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}
# A passing run never takes that long.
TEST_TIMEOUT = 20


def channel(address, folder, certificate=True):
    """Plain text, or mutual TLS with the files of `openclawctl context export`."""
    if folder is None:
        return grpc.insecure_channel(address)
    read = lambda name: (pathlib.Path(folder) / name).read_bytes()
    own = (read("client-key.pem"), read("client.pem")) if certificate else ()
    credentials = grpc.ssl_channel_credentials(read("agent.pem"), *own)
    # The agent is identified by its key, not by its address.
    return grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", "openclaw-agent")])


class Api:
    """The agent's methods, by reflection."""

    def __init__(self, channel):
        self.channel = channel
        self.called = set()
        database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(database)
        self.methods = {}
        for service in database.get_services():
            if service not in REFLECTION:
                for method in self.pool.FindServiceByName(service).methods:
                    self.methods[f"{service}/{method.name}"] = method

    def call(self, name, request=None, timeout=TEST_TIMEOUT):
        """Calls a method with a request as JSON, or with several. Returns an iterator for a stream of responses."""
        method = self.methods[name]
        self.called.add(name)
        kind = message_factory.GetMessageClass(method.input_type)
        answer = message_factory.GetMessageClass(method.output_type)
        asked, told = method.client_streaming, method.server_streaming
        make = getattr(self.channel, f"{'stream' if asked else 'unary'}_{'stream' if told else 'unary'}")
        call = make(f"/{name}", kind.SerializeToString, answer.FromString)
        made = lambda fields: json_format.ParseDict(fields, kind())
        request = map(made, request) if asked else made(request or {})
        return call(request, timeout=timeout, wait_for_ready=True)

    def agent(self, name, *args, **more):
        return self.call(f"{PACKAGE}{name}", *args, **more)


def refused(call, code, reason):
    """Checks that the call is refused like this, with a hint."""
    try:
        answer = call()
        # A stream only fails when it is read.
        if hasattr(answer, "__next__"):
            next(answer)
    except grpc.RpcError as error:
        assert error.code() == code, error
        info = error_details_pb2.ErrorInfo()
        details = rpc_status.from_call(error).details
        assert any(detail.Unpack(info) for detail in details), error
        assert (info.domain, info.reason) == ("openclaw.agent", reason), info
        assert info.metadata["hint"], info
        return
    raise AssertionError(f"not refused with {reason}")


def request_test(**what):
    """Sends a request to the test."""
    print(json.dumps(what), flush=True)


def check_health(api):
    check = lambda service: api.call(f"{HEALTH}/Check", {"service": service}).status
    assert check("") == 1 and check("whatsapp") == 2


def pair(api, phone):
    """By QR code and by phone code, and refusals."""
    refused(lambda: api.agent("Agent/Pair"), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    by_qr = {"qr": {}}
    frames = api.agent("Agent/Pair", by_qr)
    first = next(frames).qr
    assert first.ordinal == 1 and len(first.modules) == (first.size**2 + 7) // 8, first
    refused(lambda: api.agent("Agent/Pair", by_qr), grpc.StatusCode.ALREADY_EXISTS, "ALREADY_PAIRING")
    frames.cancel()
    frames = pair_with_retry(api, by_qr)
    request_test(scan=next(frames).qr.payload)
    assert [frame.WhichOneof("frame") for frame in frames] == ["scanned", "linked"]
    refused(lambda: api.agent("Agent/Pair", by_qr), grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_LINKED")
    frames = pair_with_retry(api, {"phone_code": {"phone": phone}, "replace": True})
    request_test(type=next(frames).phone_code.code)
    linked = list(frames)[-1].linked
    assert (linked.phone, linked.device) == (phone, "OpenClaw"), linked


def pair_with_retry(api, request):
    """Retries, since a cancelled pairing ends with a short delay."""
    while True:
        frames = api.agent("Agent/Pair", request)
        try:
            first = next(frames)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.ALREADY_EXISTS, error
            continue
        return prepend(first, frames)


def prepend(first, rest):
    yield first
    yield from rest


def text(body):
    """The content of a message that is a text."""
    return {"text": {"body": body}}


def send(api, contact):
    message = {"to": contact, "content": text("a cormorant by grpcio"), "client_token": "grpcio-1"}
    sent = api.agent("Agent/Send", message)
    again = api.agent("Agent/Send", message)
    assert sent.state >= 2 and sent.message_id and sent.message_id == again.message_id, (sent, again)
    other = message | {"content": text("another cormorant")}
    refused(lambda: api.agent("Agent/Send", other), grpc.StatusCode.ALREADY_EXISTS, "TOKEN_REUSED")
    wrong = message | {"to": "nobody"}
    refused(lambda: api.agent("Agent/Send", wrong), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    album = {"to": contact, "content": {"album": {}}}
    refused(lambda: api.agent("Agent/Send", album), grpc.StatusCode.UNIMPLEMENTED, "CONTENT_UNSUPPORTED")
    assert not api.agent("Agent/ListQueue").messages
    unknown = lambda: api.agent("Agent/CancelSend", {"client_token": "grpcio-2"})
    refused(unknown, grpc.StatusCode.NOT_FOUND, "UNKNOWN_TOKEN")


def watch(api):
    messages = {"kinds": ["EVENT_KIND_MESSAGE"]}
    events = api.agent("Agent/WatchEvents", {"after": "0", "follow": True, "filter": messages})
    request_test(receive="a cormorant answers")
    event = next(item.event for item in events if item.HasField("event"))
    assert event.message.content.text.body == "a cormorant answers", event
    assert event.agent.name == "openclaw" and event.agent.store_id, event
    events.cancel()
    listed = api.agent("Agent/ListEvents", {"filter": messages, "page_size": 1})
    assert [one.seq for one in listed.events] == [event.seq], listed
    acked = api.agent("Agent/AckEvents", {"consumer": "grpcio", "seq": str(event.seq)})
    assert acked.seq == event.seq
    assert [consumer.name for consumer in api.agent("Agent/ListConsumers").consumers] == ["grpcio"]
    rest = api.agent("Agent/WatchEvents", {"consumer": "grpcio"})
    assert all(item.event.seq > event.seq for item in rest if item.HasField("event"))
    api.agent("Agent/RemoveConsumer", {"consumer": "grpcio"})
    gone = lambda: api.agent("Agent/RemoveConsumer", {"consumer": "grpcio"})
    refused(gone, grpc.StatusCode.NOT_FOUND, "NO_SUCH_CONSUMER")


def upload(api, contact):
    """Sends a document of 100,000 bytes."""
    file = bytes(range(250)) * 400
    start = {"kind": "MEDIA_KIND_DOCUMENT", "mime_type": "application/pdf", "file_name": "report.pdf"}
    chunks = [{"chunk": encoded(file[at : at + 65_536])} for at in range(0, len(file), 65_536)]
    stored = api.agent("Files/Upload", [{"start": start}, *chunks])
    assert stored.media.size_bytes == len(file), stored
    media = {"media": {"media_id": stored.media_id}}
    sent = api.agent("Agent/Send", {"to": contact, "content": media, "wait": "SEND_STATE_SERVER_ACK"})
    assert sent.state >= 2, sent


def download(api):
    """A picture of 100,000 bytes, 0 to 250 repeated."""
    messages = {"kinds": ["EVENT_KIND_MESSAGE"]}
    before = api.agent("Agent/ListEvents", {"filter": messages, "page_size": 1}).events[0].seq
    request_test(show=100_000)
    events = api.agent("Agent/WatchEvents", {"after": str(before), "follow": True, "filter": messages})
    event = next(item.event for item in events if item.HasField("event"))
    events.cancel()
    assert event.message.content.media.size_bytes == 100_000, event
    start, *chunks, end = api.agent("Files/Download", {"message": {"seq": str(event.seq)}})
    assert start.start.seq == event.seq and end.end.size_bytes == 100_000, (start, end)
    file = b"".join(chunk.chunk for chunk in chunks)
    assert file == bytes(at % 251 for at in range(100_000))
    assert end.end.sha256 == hashlib.sha256(file).digest()
    of_text = {"message": {"seq": str(before)}}
    refused(lambda: api.agent("Files/Download", of_text), grpc.StatusCode.FAILED_PRECONDITION, "NO_MEDIA")


def chats(api, contact):
    """Marks the newest message as read, types, counts a poll, and looks the contact up."""
    messages = {"kinds": ["EVENT_KIND_MESSAGE"]}
    event = api.agent("Agent/ListEvents", {"filter": messages, "page_size": 1}).events[0]
    api.agent("Chats/MarkRead", {"messages": [{"seq": str(event.seq)}]})
    refused(lambda: api.agent("Chats/MarkRead"), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    typing = api.agent("Chats/SetTyping", {"to": contact})
    assert next(typing).shown
    typing.cancel()
    listed = api.agent("Chats/ListChats").chats
    assert listed[0].contact.phone == contact and listed[0].newest_seq >= event.seq, listed
    of_contact = {"before": {"seq": str(event.seq)}, "count": 5}
    older = api.agent("Chats/FetchHistory", of_contact)
    assert all(one.message.origin.chat == event.message.origin.chat for one in older.messages), older
    poll = {"poll": {"question": "Tea?", "options": [{"name": "yes"}, {"name": "no"}]}}
    sent = api.agent("Agent/Send", {"to": contact, "content": poll})
    own = {"key": {"chat": contact, "id": sent.message_id}}
    results = api.agent("Chats/GetPollResults", {"poll": own})
    assert [option.name for option in results.options] == ["yes", "no"] and results.voters == 0, results
    [found] = api.agent("Contacts/Lookup", {"numbers": [contact]}).results
    assert found.on_whatsapp and found.contact.phone == contact, found
    known = api.agent("Contacts/GetContact", {"contact": contact}).contact
    assert known.contact.phone == contact and known.push_name, known
    refused(lambda: list(api.agent("Contacts/GetPicture", {"of": contact})), grpc.StatusCode.NOT_FOUND, "NO_PICTURE")


def manage(api, contact):
    """Creates a group, changes it, and leaves it."""
    groups = lambda method, **request: api.agent(f"Groups/{method}", request)
    created = groups("CreateGroup", name="The cormorants", members=[contact])
    group = created.group.id
    assert group.endswith("@g.us") and not created.missing, created
    groups("UpdateGroup", group=group, description="They dive", announce=True)
    groups("SetGroupPicture", group=group, jpeg=encoded(b"\xff\xd8\xff\xe0 a picture"))
    start, chunk = api.agent("Contacts/GetPicture", {"of": group})
    assert start.start.size_bytes == 14 and chunk.chunk == b"\xff\xd8\xff\xe0 a picture", (start, chunk)
    assert groups("GetGroup", group=group, fresh=True).group.description == "They dive"
    assert group in [one.id for one in groups("ListGroups").groups]
    change = lambda action: groups("ChangeParticipants", group=group, action=action, members=[contact])
    assert all(result.done for result in change("PARTICIPANT_ACTION_PROMOTE").results)
    link = groups("GetInviteLink", group=group).link
    assert link.startswith("https://chat.whatsapp.com/"), link
    joined = lambda: groups("JoinGroup", invite=link)
    refused(joined, grpc.StatusCode.ALREADY_EXISTS, "ALREADY_A_MEMBER")
    assert not groups("ListJoinRequests", group=group).requests
    groups("DecideJoinRequests", group=group, members=[contact], approve=True)
    groups("LeaveGroup", group=group)
    gone = lambda: groups("GetGroup", group=group)
    refused(gone, grpc.StatusCode.FAILED_PRECONDITION, "NOT_A_MEMBER")


def admit(api, contact):
    who = {"who": "+15550100003"}
    assert api.agent("Access/AddAllowed", who).added
    allowed = api.agent("Access/ListAllowed").allowed
    assert {entry.who for entry in allowed} >= {contact, who["who"]}, allowed
    api.agent("Access/RemoveAllowed", who)
    refused(lambda: api.agent("Access/RemoveAllowed", who), grpc.StatusCode.FAILED_PRECONDITION, "NOT_ADDED")
    assert api.agent("Access/ReloadRules").rules.listed == 1
    findings = api.agent("Access/Diagnose", {"who": contact}).findings
    assert findings and all(finding.state != 2 for finding in findings), findings


def invite(api):
    assert api.agent("Clients/InviteClient", {"role": "ROLE_READER", "name": "guest"}).code
    api.agent("Clients/ListClients")
    nobody = lambda: api.agent("Clients/RevokeClient", {"client": "nobody"})
    refused(nobody, grpc.StatusCode.NOT_FOUND, "NO_SUCH_CLIENT")


def back_up(api):
    """Backs up, unpairs, and restores."""
    secret = {"passphrase": "four grey cormorants dive"}
    frames = list(api.agent("Admin/Backup", {"secret": secret}))
    assert frames[0].HasField("start") and frames[-1].end.records > 0
    chunks = [frame.chunk for frame in frames[1:-1]]
    restoring = lambda: iter([{"start": {"secret": secret}}, *({"chunk": encoded(chunk)} for chunk in chunks)])
    restore = lambda: api.agent("Admin/Restore", restoring())
    refused(restore, grpc.StatusCode.FAILED_PRECONDITION, "ALREADY_LINKED")
    request_test(unlinked=True)
    before = api.agent("Agent/Status").started_at
    assert api.agent("Agent/Unpair").confirmed
    # The process replaces itself; the channel reconnects.
    while api.agent("Agent/Status").started_at == before:
        pass
    assert api.agent("Agent/Status").link.state == 1
    assert restore().records_kept > 0


def hold(api):
    """A report about another store holds no sends, and there is no hold to release."""
    seen = {"store_id": encoded(bytes(16)), "generation": 9, "id": 1, "commits": 9}
    assert not api.agent("Agent/ReportStore", {"seen": seen}).HasField("hold")
    decide = lambda: api.agent("Admin/ResolveRollback", {"decision": "ROLLBACK_DECISION_ACCEPT"})
    refused(decide, grpc.StatusCode.FAILED_PRECONDITION, "NOT_HELD")


def encoded(data):
    """Bytes in the JSON form of protobuf."""
    import base64

    return base64.b64encode(data).decode()


def every(api, phone, contact):
    check_health(api)
    assert api.agent("Agent/Status").link.state == 1
    message = {"to": contact, "content": text("a cormorant too early")}
    refused(lambda: api.agent("Agent/Send", message), grpc.StatusCode.FAILED_PRECONDITION, "NOT_LINKED")
    refused(lambda: api.agent("Agent/Resume"), grpc.StatusCode.FAILED_PRECONDITION, "NOT_LINKED")
    refused(lambda: api.agent("Agent/AnswerPasskey"), grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    confirm = {"code": "ABCD-1234"}
    refused(lambda: api.agent("Agent/ConfirmPasskey", confirm), grpc.StatusCode.FAILED_PRECONDITION, "NO_PAIRING")
    health = api.call(f"{HEALTH}/Watch", {"service": "whatsapp"}, timeout=3 * TEST_TIMEOUT)
    assert next(health).status == 2
    pair(api, phone)
    assert next(health).status == 1
    health.cancel()
    status = api.agent("Agent/Status")
    assert status.link.state == 4 and status.link.phone == phone, status
    assert api.agent("Agent/Resume", {"timeout": "10s"}).link.state == 4
    send(api, contact)
    watch(api)
    download(api)
    upload(api, contact)
    chats(api, contact)
    manage(api, contact)
    admit(api, contact)
    invite(api)
    no_alerts = lambda: api.agent("Alerts/TestAlert")
    refused(no_alerts, grpc.StatusCode.FAILED_PRECONDITION, "NO_ALERTS")
    assert not api.agent("Alerts/ListAlerts").alerts
    hold(api)
    back_up(api)
    left = set(api.methods) - api.called
    assert not left, f"not called: {sorted(left)}"


def status(opened, **more):
    """Calls Status by its path: without access, there is no reflection."""
    call = opened.unary_unary(f"/{PACKAGE}Agent/Status", lambda _: b"", bytes)
    return call(None, timeout=TEST_TIMEOUT, **more)


def turned_away(opened):
    """Checks that the connection is refused."""
    try:
        status(opened)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
        return
    raise AssertionError("the agent answers an unknown client")


def revoked(api, health):
    """Checks that a revocation ends an open stream, and that later calls fail."""
    assert next(health).status in (1, 2)
    request_test(revoke=True)
    try:
        while True:
            next(health)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    turned_away(api.channel)


def main():
    address, what, phone, contact, *folder = sys.argv[1:]
    folder = folder[0] if folder else None
    with channel(address, folder) as opened:
        if what == "refused":
            turned_away(opened)
            with channel(address, folder, certificate=False) as nameless, channel(address, None) as plain:
                turned_away(nameless)
                turned_away(plain)
            return request_test(called=[])
        api = Api(opened)
        if what == "revoked":
            watching = api.call(f"{HEALTH}/Watch", {"service": ""}, timeout=3 * TEST_TIMEOUT)
            revoked(api, watching)
        else:
            every(api, phone, contact)
    request_test(called=sorted(api.called))


if __name__ == "__main__":
    main()

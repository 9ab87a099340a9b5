//! Calls every method with every role: a forbidden call is refused before anything else is checked.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes};
use openclaw_proto::v1 as pb;
use openclaw_trust::Role;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::harness::{Client, TLS, World, fact, refusal};

/// The roles of the contract, written by hand and independent of the agent's own table. Every method is included.
const NEEDED: &[(Role, &str, &[&str])] = &[
    (
        Role::Reader,
        "Agent",
        &[
            "Status",
            "ListQueue",
            "WatchEvents",
            "ListEvents",
            "ListConsumers",
        ],
    ),
    (Role::Reader, "Access", &["ListAllowed"]),
    (Role::Reader, "Alerts", &["ListAlerts"]),
    (Role::Reader, "Chats", &["ListChats", "GetPollResults"]),
    (Role::Reader, "Contacts", &["GetContact"]),
    (Role::Reader, "Files", &["Download"]),
    (
        Role::Reader,
        "Groups",
        &["ListGroups", "GetGroup", "ListJoinRequests"],
    ),
    (
        Role::Operator,
        "Groups",
        &[
            "CreateGroup",
            "UpdateGroup",
            "SetGroupPicture",
            "ChangeParticipants",
            "LeaveGroup",
            "GetInviteLink",
            "JoinGroup",
            "DecideJoinRequests",
        ],
    ),
    (
        Role::Sender,
        "Agent",
        &[
            "Send",
            "ReportStore",
            "CancelSend",
            "AckEvents",
            "RemoveConsumer",
        ],
    ),
    (Role::Sender, "Access", &["Diagnose"]),
    (
        Role::Sender,
        "Chats",
        &["MarkRead", "SetTyping", "FetchHistory"],
    ),
    (Role::Sender, "Contacts", &["Lookup", "GetPicture"]),
    (Role::Sender, "Files", &["Upload"]),
    (
        Role::Operator,
        "Agent",
        &[
            "Pair",
            "AnswerPasskey",
            "ConfirmPasskey",
            "Resume",
            "Unpair",
        ],
    ),
    (
        Role::Operator,
        "Access",
        &["AddAllowed", "RemoveAllowed", "ReloadRules"],
    ),
    (Role::Operator, "Alerts", &["TestAlert"]),
    (
        Role::Admin,
        "Admin",
        &["Backup", "Restore", "ResolveRollback"],
    ),
    (
        Role::Admin,
        "Clients",
        &["ListClients", "InviteClient", "RevokeClient"],
    ),
];

/// The methods of the table, as `/service/method`, each with its role.
fn needed() -> BTreeMap<String, Role> {
    let rows = NEEDED.iter().flat_map(|(role, service, methods)| {
        let path = move |method| format!("/openclaw.agent.v1.{service}/{method}");
        methods.iter().map(move |method| (path(method), *role))
    });
    rows.collect()
}

/// Every method of the contract, as `/service/method`.
fn methods() -> Vec<String> {
    let set = FileDescriptorSet::decode(openclaw_proto::DESCRIPTORS).unwrap();
    let mut methods = Vec::new();
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                let service = format!("{}.{}", file.package(), service.name());
                methods.push(format!("/{service}/{}", method.name()));
            }
        }
    }
    methods.sort();
    methods
}

/// Malformed bytes.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// Calls a method with malformed bytes: an authorised call gets the decoding error of the service, and has no effect.
async fn call(channel: &Channel, path: &str) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let nonsense = Bytes::from_static(&[0xff; 16]);
    let requests = Request::new(futures::stream::iter([nonsense]));
    let answer = grpc.streaming(requests, path.parse().unwrap(), Raw).await?;
    let mut answers = answer.into_inner();
    while answers.message().await?.is_some() {}
    Ok(())
}

#[tokio::test]
async fn every_method_requires_its_role_or_a_higher_one() {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    let mut channels = BTreeMap::new();
    let roles = [
        pb::Role::Reader,
        pb::Role::Sender,
        pb::Role::Operator,
        pb::Role::Admin,
    ];
    assert_eq!(roles.len(), Role::ALL.len());
    for (role, wire) in Role::ALL.into_iter().zip(roles) {
        let client = Client::invited(&world.agent, wire).await;
        channels.insert(role, client.connect(&world.agent).await.unwrap());
    }
    let table = needed();
    let listed: Vec<_> = table.keys().cloned().collect();
    assert_eq!(listed, methods(), "every method has a role here");
    for (path, needed) in table {
        for (role, channel) in &channels {
            let status = call(channel, &path).await.unwrap_err();
            if *role >= needed {
                assert_ne!(status.code(), Code::PermissionDenied, "{role} {path}");
                continue;
            }
            let denied = (Code::PermissionDenied, "ROLE".to_owned());
            assert_eq!(refusal(&status), denied, "{role} {path}");
            assert_eq!(fact(&status, "needed").as_deref(), Some(needed.name()));
        }
    }
    let unknown = call(
        &channels[&Role::Operator],
        "/openclaw.agent.v1.Agent/Nothing",
    )
    .await;
    assert_eq!(unknown.unwrap_err().code(), Code::PermissionDenied);
    world.finish().await;
}

#[tokio::test]
async fn a_reader_may_watch_but_not_as_a_consumer() {
    let world = World::with(openclaw_sim::Config::default(), &TLS).await;
    let reader = Client::invited(&world.agent, pb::Role::Reader).await;
    let mut client = reader.client(&world.agent).await;
    let watched = client.watch_events(pb::WatchEventsRequest::default()).await;
    assert!(watched.is_ok());
    let consuming = pb::WatchEventsRequest {
        consumer: "mine".to_owned(),
        ..Default::default()
    };
    let denied = client.watch_events(consuming.clone()).await.unwrap_err();
    assert_eq!(
        refusal(&denied),
        (Code::PermissionDenied, "ROLE".to_owned())
    );
    assert_eq!(fact(&denied, "needed").as_deref(), Some("sender"));
    let sender = Client::invited(&world.agent, pb::Role::Sender).await;
    let mut client = sender.client(&world.agent).await;
    let watched = client.watch_events(consuming).await;
    assert!(watched.is_ok(), "{watched:?}");
    world.finish().await;
}

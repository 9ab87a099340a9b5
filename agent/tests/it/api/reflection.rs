//! Reflection, in both versions: grpcurl needs it to work without .proto files.

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use crate::harness::World;

macro_rules! version {
    ($version:ident) => {
        mod $version {
            use tonic::transport::Channel;
            use tonic_reflection::pb::$version as pb;

            use pb::server_reflection_client::ServerReflectionClient;
            use pb::server_reflection_request::MessageRequest;
            use pb::server_reflection_response::MessageResponse;

            async fn ask(channel: Channel, request: MessageRequest) -> MessageResponse {
                let request = pb::ServerReflectionRequest {
                    host: String::new(),
                    message_request: Some(request),
                };
                let mut client = ServerReflectionClient::new(channel);
                let requests = futures::stream::iter([request]);
                let answer = client.server_reflection_info(requests).await.unwrap();
                let answer = answer.into_inner().message().await.unwrap().unwrap();
                answer.message_response.unwrap()
            }

            pub(super) async fn services(channel: Channel) -> Vec<String> {
                let request = MessageRequest::ListServices(String::new());
                match ask(channel, request).await {
                    MessageResponse::ListServicesResponse(list) => list
                        .service
                        .into_iter()
                        .map(|service| service.name)
                        .collect(),
                    other => panic!("{other:?}"),
                }
            }

            pub(super) async fn file_of(channel: Channel, symbol: &str) -> Vec<Vec<u8>> {
                let request = MessageRequest::FileContainingSymbol(symbol.to_owned());
                match ask(channel, request).await {
                    MessageResponse::FileDescriptorResponse(files) => files.file_descriptor_proto,
                    other => panic!("{other:?}"),
                }
            }
        }
    };
}

version!(v1);
version!(v1alpha);

fn methods(files: &[Vec<u8>]) -> Vec<String> {
    let file = FileDescriptorProto::decode(files[0].as_slice()).unwrap();
    let service = file
        .service
        .iter()
        .find(|service| service.name() == "Agent");
    let methods = &service.expect("the service's own file").method;
    methods
        .iter()
        .map(|method| method.name().to_owned())
        .collect()
}

#[tokio::test]
async fn reflection_lists_every_service_and_serves_its_descriptors() {
    let world = World::new().await;
    let channel = || world.agent.channel();
    for mut services in [
        v1::services(channel()).await,
        v1alpha::services(channel()).await,
    ] {
        services.retain(|service| !service.starts_with("grpc.reflection."));
        services.sort();
        assert_eq!(
            services,
            [
                "grpc.health.v1.Health",
                "openclaw.agent.v1.Access",
                "openclaw.agent.v1.Admin",
                "openclaw.agent.v1.Agent",
                "openclaw.agent.v1.Alerts",
                "openclaw.agent.v1.Chats",
                "openclaw.agent.v1.Clients",
                "openclaw.agent.v1.Contacts",
                "openclaw.agent.v1.Files",
                "openclaw.agent.v1.Groups"
            ]
        );
    }
    let symbol = "openclaw.agent.v1.Agent";
    let files = [
        v1::file_of(channel(), symbol).await,
        v1alpha::file_of(channel(), symbol).await,
    ];
    for files in files {
        let methods = methods(&files);
        for method in ["Pair", "Resume", "Status", "Send", "WatchEvents", "Unpair"] {
            assert!(methods.iter().any(|name| name == method), "{methods:?}");
        }
    }
    for symbol in every_message() {
        assert!(
            !v1::file_of(channel(), &symbol).await.is_empty(),
            "{symbol}"
        );
    }
    world.finish().await;
}

fn every_message() -> Vec<String> {
    let set = FileDescriptorSet::decode(openclaw_proto::DESCRIPTORS).unwrap();
    let own = set
        .file
        .iter()
        .filter(|file| file.package() == "openclaw.agent.v1");
    let names = own.flat_map(|file| file.message_type.iter().map(DescriptorProto::name));
    names
        .map(|name| format!("openclaw.agent.v1.{name}"))
        .collect()
}

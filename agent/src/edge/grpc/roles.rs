//! The role that each method requires, by its path; checked before any service sees the call. A path that is not in the
//! table requires admin.

use openclaw_trust::Role;
use tonic::body::Body;
use tonic::codegen::http::Request;
use tonic::{Code, Status};

use super::listen::Caller;
use super::status::with_info;

/// `WatchEvents` with a consumer or with presence, and `GetContact` if WhatsApp has to be asked, require more: see [`require`].
const TABLE: &[(&str, Role)] = &[
    ("/openclaw.agent.v1.Agent/Pair", Role::Operator),
    ("/openclaw.agent.v1.Agent/AnswerPasskey", Role::Operator),
    ("/openclaw.agent.v1.Agent/ConfirmPasskey", Role::Operator),
    ("/openclaw.agent.v1.Agent/Status", Role::Reader),
    ("/openclaw.agent.v1.Agent/Resume", Role::Operator),
    ("/openclaw.agent.v1.Agent/Send", Role::Sender),
    ("/openclaw.agent.v1.Agent/ReportStore", Role::Sender),
    ("/openclaw.agent.v1.Agent/ListQueue", Role::Reader),
    ("/openclaw.agent.v1.Agent/CancelSend", Role::Sender),
    ("/openclaw.agent.v1.Agent/WatchEvents", Role::Reader),
    ("/openclaw.agent.v1.Agent/ListEvents", Role::Reader),
    ("/openclaw.agent.v1.Agent/AckEvents", Role::Sender),
    ("/openclaw.agent.v1.Agent/ListConsumers", Role::Reader),
    ("/openclaw.agent.v1.Agent/RemoveConsumer", Role::Sender),
    ("/openclaw.agent.v1.Agent/Unpair", Role::Operator),
    ("/openclaw.agent.v1.Access/ListAllowed", Role::Reader),
    ("/openclaw.agent.v1.Access/AddAllowed", Role::Operator),
    ("/openclaw.agent.v1.Access/RemoveAllowed", Role::Operator),
    ("/openclaw.agent.v1.Access/ReloadRules", Role::Operator),
    ("/openclaw.agent.v1.Access/Diagnose", Role::Sender),
    ("/openclaw.agent.v1.Admin/Backup", Role::Admin),
    ("/openclaw.agent.v1.Admin/Restore", Role::Admin),
    ("/openclaw.agent.v1.Admin/ResolveRollback", Role::Admin),
    ("/openclaw.agent.v1.Files/Download", Role::Reader),
    ("/openclaw.agent.v1.Chats/MarkRead", Role::Sender),
    ("/openclaw.agent.v1.Chats/SetTyping", Role::Sender),
    ("/openclaw.agent.v1.Chats/ListChats", Role::Reader),
    ("/openclaw.agent.v1.Chats/GetPollResults", Role::Reader),
    ("/openclaw.agent.v1.Chats/FetchHistory", Role::Sender),
    ("/openclaw.agent.v1.Contacts/Lookup", Role::Sender),
    ("/openclaw.agent.v1.Contacts/GetContact", Role::Reader),
    ("/openclaw.agent.v1.Contacts/GetPicture", Role::Sender),
    ("/openclaw.agent.v1.Files/Upload", Role::Sender),
    ("/openclaw.agent.v1.Groups/ListGroups", Role::Reader),
    ("/openclaw.agent.v1.Groups/GetGroup", Role::Reader),
    ("/openclaw.agent.v1.Groups/CreateGroup", Role::Operator),
    ("/openclaw.agent.v1.Groups/UpdateGroup", Role::Operator),
    ("/openclaw.agent.v1.Groups/SetGroupPicture", Role::Operator),
    (
        "/openclaw.agent.v1.Groups/ChangeParticipants",
        Role::Operator,
    ),
    ("/openclaw.agent.v1.Groups/LeaveGroup", Role::Operator),
    ("/openclaw.agent.v1.Groups/GetInviteLink", Role::Operator),
    ("/openclaw.agent.v1.Groups/JoinGroup", Role::Operator),
    ("/openclaw.agent.v1.Groups/ListJoinRequests", Role::Reader),
    (
        "/openclaw.agent.v1.Groups/DecideJoinRequests",
        Role::Operator,
    ),
    ("/openclaw.agent.v1.Clients/ListClients", Role::Admin),
    ("/openclaw.agent.v1.Clients/InviteClient", Role::Admin),
    ("/openclaw.agent.v1.Clients/RevokeClient", Role::Admin),
    ("/openclaw.agent.v1.Alerts/TestAlert", Role::Operator),
    ("/openclaw.agent.v1.Alerts/ListAlerts", Role::Reader),
    ("/grpc.health.v1.Health/Check", Role::Reader),
    ("/grpc.health.v1.Health/Watch", Role::Reader),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        Role::Reader,
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Role::Reader,
    ),
];

/// The lowest role that may call a method.
fn needed(path: &str) -> Role {
    let row = TABLE.iter().find(|(known, _)| *known == path);
    row.map_or(Role::Admin, |(_, role)| *role)
}

/// Passes a call on, or refuses it. Runs in front of every service.
pub(super) fn authorize(request: Request<Body>) -> Result<Request<Body>, Status> {
    let path = request.uri().path();
    // Without a caller, the connection is not from one of our listeners.
    let role = request
        .extensions()
        .get::<Caller>()
        .map(|caller| caller.role);
    match check(role, needed(path)) {
        Ok(()) => Ok(request),
        Err(denied) => Err(denied),
    }
}

/// Checks a call that needs a higher role for some of its arguments.
pub(super) fn require<T>(request: &tonic::Request<T>, role: Role) -> Result<(), Status> {
    let caller = request.extensions().get::<Caller>();
    check(caller.map(|caller| caller.role), role)
}

fn check(caller: Option<Role>, needed: Role) -> Result<(), Status> {
    if caller >= Some(needed) {
        return Ok(());
    }
    let has = caller.map_or("none", Role::name);
    let hint = format!(
        "use a client with the role {needed}: an admin makes a code for one with `openclawctl clients invite --role {needed}`"
    );
    Err(with_info(
        Code::PermissionDenied,
        &format!("requires the role {needed}; this client has {has}"),
        "ROLE",
        &hint,
        [("role", has), ("needed", needed.name())],
    ))
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;

    /// All paths, from the descriptors that reflection serves.
    fn every_path() -> Vec<String> {
        let sets = [
            openclaw_proto::DESCRIPTORS,
            tonic_health::pb::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
            tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
        ];
        let mut paths = Vec::new();
        for file in sets.map(|set| FileDescriptorSet::decode(set).unwrap().file) {
            for file in file {
                for service in &file.service {
                    let service_path = format!("/{}.{}", file.package(), service.name());
                    let methods = service.method.iter();
                    paths.extend(methods.map(|it| format!("{service_path}/{}", it.name())));
                }
            }
        }
        paths.sort();
        paths
    }

    #[test]
    fn the_table_matches_the_methods() {
        let mut known: Vec<_> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
        known.sort();
        assert_eq!(every_path(), known);
    }

    #[test]
    fn an_unknown_method_requires_admin() {
        for path in [
            "",
            "/",
            "/openclaw.agent.v1.Agent/Statu",
            "/openclaw.agent.v1.Agent/Status/",
        ] {
            assert_eq!(needed(path), Role::Admin, "{path}");
        }
    }

    #[test]
    fn a_higher_role_includes_the_lower_and_no_role_is_refused() {
        for needed in Role::ALL {
            assert!(check(None, needed).is_err());
            for caller in Role::ALL {
                assert_eq!(check(Some(caller), needed).is_ok(), caller >= needed);
            }
        }
    }
}

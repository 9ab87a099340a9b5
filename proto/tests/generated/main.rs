//! `src/gen` is what the .proto files say. To regenerate it after a change of those:
//! `UPDATE_GENERATED=1 cargo test -p openclaw-proto`.

mod awkward;
mod json;
mod redacted;
mod words;

use std::fs;
use std::path::Path;

use prost::Message as _;
use prost_types::FileDescriptorSet;

const FILES: [&str; 18] = [
    "access.proto",
    "admin.proto",
    "agent.proto",
    "alerts.proto",
    "chats.proto",
    "clients.proto",
    "contacts.proto",
    "content.proto",
    "event.proto",
    "groups.proto",
    "hardening.proto",
    "history.proto",
    "link.proto",
    "media.proto",
    "polls.proto",
    "send.proto",
    "vault.proto",
    "watch.proto",
];

const GENERATED: &str = "openclaw.agent.v1.rs";

#[test]
fn generated_code_matches_the_protos() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = root.join("proto");
    let files = FILES.map(|file| Path::new("openclaw/agent/v1").join(file));
    let descriptors = protox::compile(&files, [&protos]).expect("the .proto files compile");

    awkward::assert_none(&descriptors);

    let fresh = std::env::temp_dir().join(format!("openclaw-gen-{}", std::process::id()));
    fs::create_dir_all(&fresh).unwrap();
    let write = |name: &str, content: &[u8]| fs::write(fresh.join(name), content).unwrap();
    write("descriptors.bin", &stripped(&descriptors).encode_to_vec());
    write("redacted.rs", redacted::generated(&descriptors).as_bytes());
    write("words.rs", words::generated(&descriptors).as_bytes());
    write("json.rs", json::generated(&descriptors).as_bytes());
    let builder = tonic_prost_build::configure()
        .out_dir(&fresh)
        .skip_debug(redacted::names(&descriptors));
    builder.compile_fds(descriptors).expect("code is generated");

    let checked_in = root.join("src/gen");
    for name in [
        GENERATED,
        "descriptors.bin",
        "redacted.rs",
        "words.rs",
        "json.rs",
    ] {
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            fs::copy(fresh.join(name), checked_in.join(name)).unwrap();
        }
        let same = fs::read(fresh.join(name)).unwrap()
            == fs::read(checked_in.join(name)).unwrap_or_default();
        assert!(
            same,
            "src/gen/{name} is stale: UPDATE_GENERATED=1 cargo test -p openclaw-proto"
        );
    }
    fs::remove_dir_all(&fresh).unwrap();
}

/// Without source positions and comments: reflection needs neither, and the agent carries this.
fn stripped(descriptors: &FileDescriptorSet) -> FileDescriptorSet {
    let mut set = descriptors.clone();
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}

const PACKAGE: &str = "openclaw.agent.v1";

/// The messages of the contract. None is nested.
fn messages(
    descriptors: &FileDescriptorSet,
) -> impl Iterator<Item = &prost_types::DescriptorProto> {
    let files = descriptors.file.iter();
    let ours = files.filter(|file| file.package() == PACKAGE);
    ours.flat_map(|file| &file.message_type)
        .inspect(|message| assert!(message.nested_type.is_empty() && message.enum_type.is_empty()))
}

/// Its enums.
fn enums(
    descriptors: &FileDescriptorSet,
) -> impl Iterator<Item = &prost_types::EnumDescriptorProto> {
    let files = descriptors.file.iter();
    let ours = files.filter(|file| file.package() == PACKAGE);
    ours.flat_map(|file| &file.enum_type)
}

/// `EventKind` of `.openclaw.agent.v1.EventKind`.
fn short(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or_default()
}

/// `group_invite` as `GroupInvite`.
fn camel(name: &str) -> String {
    let mut up = true;
    let mut camel = String::new();
    for c in name.chars() {
        if c == '_' {
            up = true;
        } else if std::mem::take(&mut up) {
            camel.extend(c.to_uppercase());
        } else {
            camel.extend(c.to_lowercase());
        }
    }
    camel
}

/// `GroupInvite` as `group_invite`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, c) in name.chars().enumerate() {
        if c.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

//! `src/gen` is what the .proto files say. To regenerate it after a change of those:
//! `UPDATE_GENERATED=1 cargo test -p openclaw-proto`.

use std::fs;
use std::path::Path;

use prost::Message as _;

const REDACTED: [&str; 33] = [
    ".openclaw.agent.v1.Allowed",
    ".openclaw.agent.v1.AddAllowedRequest",
    ".openclaw.agent.v1.RemoveAllowedRequest",
    ".openclaw.agent.v1.DiagnoseRequest",
    ".openclaw.agent.v1.QrCode",
    ".openclaw.agent.v1.PhoneCode",
    ".openclaw.agent.v1.PhoneCodeMethod",
    ".openclaw.agent.v1.PasskeyChallenge",
    ".openclaw.agent.v1.SendRequest",
    ".openclaw.agent.v1.Message",
    ".openclaw.agent.v1.Contact",
    ".openclaw.agent.v1.Cards",
    ".openclaw.agent.v1.Deletion",
    ".openclaw.agent.v1.Dropped",
    ".openclaw.agent.v1.Edit",
    ".openclaw.agent.v1.Lost",
    ".openclaw.agent.v1.Media",
    ".openclaw.agent.v1.Place",
    ".openclaw.agent.v1.Poll",
    ".openclaw.agent.v1.Quoted",
    ".openclaw.agent.v1.Reaction",
    ".openclaw.agent.v1.Linked",
    ".openclaw.agent.v1.LinkStatus",
    ".openclaw.agent.v1.Receipt",
    ".openclaw.agent.v1.Rejected",
    ".openclaw.agent.v1.SendOutcome",
    ".openclaw.agent.v1.Undecryptable",
    ".openclaw.agent.v1.Secret",
    ".openclaw.agent.v1.QueuedMessage",
    ".openclaw.agent.v1.BackupResponse",
    ".openclaw.agent.v1.RestoreRequest",
    ".openclaw.agent.v1.RestoreResponse",
    ".openclaw.agent.v1.InviteClientResponse",
];
const FILES: [&str; 9] = [
    "access.proto",
    "admin.proto",
    "agent.proto",
    "alerts.proto",
    "clients.proto",
    "event.proto",
    "hardening.proto",
    "link.proto",
    "vault.proto",
];

#[test]
fn generated_code_is_what_the_protos_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let protos = root.join("proto");
    let files = FILES.map(|file| Path::new("openclaw/agent/v1").join(file));
    let descriptors = protox::compile(&files, [&protos]).expect("the .proto files compile");

    let fresh = std::env::temp_dir().join(format!("openclaw-gen-{}", std::process::id()));
    fs::create_dir_all(&fresh).unwrap();
    fs::write(
        fresh.join("descriptors.bin"),
        stripped(&descriptors).encode_to_vec(),
    )
    .unwrap();
    tonic_prost_build::configure()
        .out_dir(&fresh)
        // Credentials and message text: `Debug` is written by hand in src/redact.rs.
        .skip_debug(REDACTED)
        .compile_fds(descriptors)
        .expect("code is generated");

    let checked_in = root.join("src/gen");
    for name in ["openclaw.agent.v1.rs", "descriptors.bin"] {
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
fn stripped(descriptors: &prost_types::FileDescriptorSet) -> prost_types::FileDescriptorSet {
    let mut set = descriptors.clone();
    for file in &mut set.file {
        file.source_code_info = None;
    }
    set
}

//! A handover: the directory that Baileys wrote for the import tests, restored into an agent. `import` tests that its
//! conversations continue.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::{LinkState, restore_request, secret};
use openclaw_vault::{Key32, Secret};
use openclaw_whatsapp::store::{Store, baileys};
use tonic::Code;

use super::{AdminClient, Agent};
use crate::access::{ONLY_ANNA, access, rules};
use crate::harness::{ACCOUNT, BERT, World, refusal};

/// The data that `openclawctl import baileys` sends.
async fn handover() -> (Key32, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let lines = include_str!("../../../../whatsapp/src/store/baileys/tests/recorded.json").lines();
    let files = lines.filter_map(|line| line.trim_end_matches(',').split_once(": "));
    for (name, content) in files {
        std::fs::write(dir.path().join(name.trim_matches('"')), content).unwrap();
    }
    let store = Store::in_memory();
    baileys::import(dir.path(), &store).await.unwrap();
    let key = Key32::random().unwrap();
    let secret = Secret::Raw(Key32::take(&mut key.bytes().clone()));
    let bytes = store.hand_over(&secret, 1_700_000_000).unwrap();
    (key, bytes)
}

async fn restore(
    agent: &Agent,
    key: &Key32,
    bytes: &[u8],
) -> Result<pb::RestoreResponse, tonic::Status> {
    let start = restore_request::Frame::Start(pb::RestoreStart {
        secret: Some(pb::Secret {
            form: Some(secret::Form::Key(key.bytes().to_vec())),
        }),
    });
    let chunk = restore_request::Frame::Chunk(bytes.to_vec());
    let requests = [start, chunk].map(|frame| pb::RestoreRequest { frame: Some(frame) });
    let mut client = AdminClient::new(agent.channel());
    let answer = client.restore(tokio_stream::iter(requests)).await?;
    Ok(answer.into_inner())
}

#[tokio::test]
async fn a_handover_drops_no_records_and_holds_no_sends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("openclaw.yml");
    std::fs::write(&file, ONLY_ANNA).unwrap();
    let args = ["--config", file.to_str().unwrap()];
    let world = World::with(openclaw_sim::Config::default(), &args).await;
    let who = BERT.to_owned();
    let mut access = access(&world);
    let added = access.add_allowed(pb::AddAllowedRequest { who });
    added.await.unwrap();
    let before = rules(&world).await;
    let (key, bytes) = handover().await;

    let cut = restore(&world.agent, &key, &bytes[..bytes.len() - 1]).await;
    assert_eq!(refusal(&cut.unwrap_err()).0, Code::DataLoss);
    let link = world.agent.link().await;
    assert_eq!(link.state(), LinkState::Unlinked);

    let restored = restore(&world.agent, &key, &bytes).await.unwrap();
    assert_eq!(restored.phone, ACCOUNT);
    assert_eq!(
        (
            restored.sessions_dropped,
            restored.sender_keys_dropped,
            restored.others_dropped
        ),
        (0, 0, 0)
    );
    assert_eq!((restored.tokens_kept, restored.waiting_dropped), (0, 0));
    // This simulator has never linked the device and says so; that answer requires a login with the credentials.
    world.agent.until_state(LinkState::LoggedOut).await;
    assert_eq!(world.agent.status().await.hold, None);
    assert_eq!(rules(&world).await, before, "the rules are the agent's own");

    let again = restore(&world.agent, &key, &bytes).await.unwrap_err();
    let already = (Code::FailedPrecondition, "ALREADY_LINKED".to_owned());
    assert_eq!(refusal(&again), already);
    world.finish().await;
}

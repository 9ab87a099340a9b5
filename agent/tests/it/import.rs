//! Import of a Baileys gateway: real Baileys pairs with the simulator and exchanges messages, then its directory is
//! imported, and the conversations must continue.
//!
//! These tests need Node and the packages of `sim/interop`, so they are ignored except in `scripts/test`.

mod agent;
mod client;
mod gateway;
mod mutated;
mod source;
mod spelling;
mod variants;

use std::sync::Arc;

use openclaw_sim::{By, Sim};
use openclaw_whatsapp::store::baileys::{self, RecordKind, Report};
use whatsapp_rust::wacore::libsignal::protocol::SenderKeyRecord;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::SignalStore as _;
use whatsapp_rust::waproto::whatsapp as wa;

use self::client::Client;
use self::gateway::Gateway;
use self::source::Source;
use crate::harness::{ACCOUNT, ANNA, BERT, TEST_TIMEOUT, WORD, lid};

/// The stanzas that the gateway never received.
const LOST: &str = "3A00000000000000000000000000AA01";
const LOST_IN_GROUP: &str = "3A00000000000000000000000000AA02";

/// A simulator and the directory of a stopped gateway.
struct StoppedGateway {
    sim: Sim,
    source: Source,
    group: String,
}

fn text(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.to_owned()),
        ..Default::default()
    }
}

fn chat(number: &str) -> String {
    format!("{}@s.whatsapp.net", number.trim_start_matches('+'))
}

/// A stopped gateway that was linked, exchanged messages with two people and a group, and missed a message of each.
async fn stopped_gateway() -> StoppedGateway {
    let sim = Sim::start(openclaw_sim::Config::default()).await.unwrap();
    let source = Source::new();
    let mut gateway = Gateway::start(source.dir(), &sim);
    gateway.link(&sim).await;
    let phone = sim.phone(ACCOUNT).unwrap();
    let (anna, bert) = (sim.peer(ANNA).unwrap(), sim.peer(BERT).unwrap());
    let group = phone.create_group("Harbour", &[ANNA, BERT]).await.unwrap();
    for round in 0..2 {
        for (peer, by) in [(&anna, By::Lid), (&bert, By::Pn)] {
            let question = format!("{WORD} {round} of {}", peer.number());
            peer.send_text(ACCOUNT, &question, by).await.unwrap();
            gateway.wait_for_text(&question).await;
            let answer = format!("{WORD} re {question}");
            gateway
                .send(&chat(&peer.number().to_string()), &answer)
                .await;
            let received = peer.wait_for(
                |received| received.text.as_ref() == Some(&answer),
                TEST_TIMEOUT,
            );
            received.await.unwrap();
        }
        let question = format!("{WORD} {round} in the group");
        anna.send_to_group(&group, &question).await.unwrap();
        gateway.wait_for_text(&question).await;
        let answer = format!("{WORD} re {question}");
        gateway.send(&group, &answer).await;
        let received = bert.wait_for(
            |received| received.text.as_ref() == Some(&answer),
            TEST_TIMEOUT,
        );
        received.await.unwrap();
    }
    for (peer, by, id) in [(&anna, By::Lid, LOST), (&anna, By::Lid, LOST_IN_GROUP)] {
        gateway.lose(id).await;
        let (lost, next) = (format!("{WORD} {id}"), format!("{WORD} after {id}"));
        let named = Some(id.to_owned());
        if id == LOST {
            peer.send(ACCOUNT, text(&lost), by, named).await.unwrap();
            peer.send_text(ACCOUNT, &next, by).await.unwrap();
        } else {
            let sent = peer.send_group_message(&group, text(&lost), named);
            sent.await.unwrap();
            peer.send_to_group(&group, &next).await.unwrap();
        }
        gateway.wait_for_text(&next).await;
    }
    gateway.stop().await;
    StoppedGateway { sim, source, group }
}

/// The filter in `scripts/test`: without this check, renaming this module would silently disable its tests.
#[test]
fn the_ignored_tests_here_are_run_by_scripts_test() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/test");
    let script = std::fs::read_to_string(script).unwrap();
    let (_, module) = module_path!().split_once("::").unwrap();
    let run = format!(
        "scripts/with-node cargo test \"${{workspace[@]}}\" --test it -- --ignored {module}::"
    );
    assert!(script.contains(&run), "{run}");
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn conversations_continue_where_baileys_stopped() {
    let gateway = stopped_gateway().await;
    let (report, client) = continue_conversations(&gateway).await;
    assert!(report.skipped.is_empty(), "{report}");
    assert_eq!(
        report.count(RecordKind::Sessions),
        4,
        "two people, our phone, ourselves: {report}"
    );
    finish(&gateway, client).await;
}

/// Before version 7, LIDs were not marked, identities were stored in the sessions, and there was no mapping from LIDs
/// to numbers.
#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn conversations_continue_from_a_folder_of_baileys_6() {
    let gateway = stopped_gateway().await;
    for (file, content) in gateway.source.files() {
        let later = ["identity-key-", "lid-mapping-", "device-list-"];
        if later.iter().any(|kind| file.starts_with(kind)) {
            gateway.source.remove(&file);
        } else if file.contains("_1.") || file.contains("_1--") {
            gateway.source.remove(&file);
            let name = file.replace("_1.", ".").replace("_1--", "--");
            gateway.source.put(&name, &content);
        }
    }
    let (report, client) = continue_conversations(&gateway).await;
    assert!(report.skipped.is_empty(), "{report}");
    assert_eq!(
        report.count(RecordKind::LidMappings),
        1,
        "our own: {report}"
    );
    finish(&gateway, client).await;
}

/// The prekeys after the backup's mark are uploaded again, under their ids.
#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn conversations_continue_from_a_stale_backup() {
    let gateway = stopped_gateway().await;
    let mut creds = gateway.source.json("creds.json");
    creds["nextPreKeyId"] = 31.into();
    creds["firstUnuploadedPreKeyId"] = 31.into();
    let backup = creds.to_string();
    gateway.source.put("creds.json.bak", backup.as_bytes());
    gateway.source.put("creds.json", &backup.as_bytes()[..99]);
    let (report, client) = continue_conversations(&gateway).await;
    assert_eq!(report.source, "creds.json.bak");
    finish(&gateway, client).await;
}

/// A negative control for the tests above: without the key, the library treats the message as a duplicate.
#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn a_lost_message_whose_key_is_lost_too_is_never_read() {
    let gateway = stopped_gateway().await;
    let file = format!("session-{}_1.0.json", lid(ANNA));
    let session = String::from_utf8(gateway.source.files()[&file].clone()).unwrap();
    let (before, keys) = session.split_once("\"messageKeys\":{\"").unwrap();
    let (_, after) = keys.split_once('}').unwrap();
    let without = format!("{before}\"messageKeys\":{{}}{after}");
    gateway.source.put(&file, without.as_bytes());
    let store = Arc::new(InMemoryBackend::new());
    baileys::import_into(gateway.source.dir(), &*store)
        .await
        .unwrap();
    let client = Client::start(&gateway.sim, store).await;
    client
        .wait_for_text(&format!("{WORD} {LOST_IN_GROUP}"))
        .await;
    let settled = || gateway.sim.queue(ACCOUNT).unwrap().is_empty();
    gateway.sim.until(TEST_TIMEOUT, settled).await.unwrap();
    assert!(!client.has_received(&format!("{WORD} {LOST}")));
    client.stop().await;
}

/// Imports the directory, connects, and exchanges messages with everyone.
async fn continue_conversations(gateway: &StoppedGateway) -> (Report, Client) {
    let StoppedGateway { sim, source, group } = gateway;
    let before = source.state();
    let store = Arc::new(InMemoryBackend::new());
    let report = baileys::import_into(source.dir(), &*store).await.unwrap();
    assert_eq!(source.state(), before, "the directory is unchanged");

    let waiting = format!("{WORD} while the account is offline");
    let (anna, bert) = (sim.peer(ANNA).unwrap(), sim.peer(BERT).unwrap());
    anna.send_text(ACCOUNT, &waiting, By::Lid).await.unwrap();
    let client = Client::start(sim, store.clone()).await;
    client.connected().await;
    client.wait_for_text(&waiting).await;
    for id in [LOST, LOST_IN_GROUP] {
        client.wait_for_text(&format!("{WORD} {id}")).await;
    }
    for (peer, by) in [(&anna, By::Lid), (&bert, By::Pn)] {
        let question = format!("{WORD} to the agent from {}", peer.number());
        peer.send_text(ACCOUNT, &question, by).await.unwrap();
        client.wait_for_text(&question).await;
        let id = client
            .send_text(&chat(&peer.number().to_string()), WORD)
            .await;
        let received = peer
            .wait_for(|received| received.id == id, TEST_TIMEOUT)
            .await;
        assert_eq!(
            received.unwrap().kind,
            "msg",
            "no new session with {}",
            peer.number()
        );
    }
    for round in 0..2 {
        let question = format!("{WORD} {round} from the group to the agent");
        anna.send_to_group(group, &question).await.unwrap();
        client.wait_for_text(&question).await;
        let id = client.send_text(group, WORD).await;
        for member in [&anna, &bert] {
            let received = member
                .wait_for(|received| received.id == id, TEST_TIMEOUT)
                .await;
            assert_eq!(received.unwrap().kind, "skmsg");
        }
    }
    let own = format!("{group}:{}:1@lid.0", lid(ACCOUNT));
    let record = store.get_sender_key(&own).await.unwrap().unwrap();
    let record = SenderKeyRecord::deserialize(&record).unwrap();
    let chain = record.sender_key_state().unwrap().chain_id();
    assert_eq!(chain, source.own_sender_key(group), "no new sender key");
    (report, client)
}

/// Checks that no message was requested again, and that the phone shows only the one device.
async fn finish(gateway: &StoppedGateway, client: Client) {
    client.check_no_errors();
    let settled = || gateway.sim.queue(ACCOUNT).unwrap().is_empty();
    gateway.sim.until(TEST_TIMEOUT, settled).await.unwrap();
    let devices = gateway.sim.phone(ACCOUNT).unwrap().companions();
    assert_eq!(devices.len(), 1, "no new link: {devices:?}");
    client.stop().await;
    assert!(
        gateway.sim.violations().is_empty(),
        "{:#?}",
        gateway.sim.violations()
    );
}

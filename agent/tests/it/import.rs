//! Taking over a Baileys gateway: real Baileys pairs with the simulator and talks, then its folder is imported, and the
//! conversations go on where it left them.
//!
//! Needs Node and `sim/interop`'s packages, so these tests run by `scripts/test` only.

mod client;
mod gateway;
mod source;
mod variants;

use openclaw_agent::store::baileys::{self, Kind};
use openclaw_sim::{By, Sim};
use whatsapp_rust::wacore::libsignal::protocol::SenderKeyRecord;
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::wacore::store::traits::SignalStore as _;
use whatsapp_rust::waproto::whatsapp as wa;

use self::client::Client;
use self::gateway::Gateway;
use self::source::Source;
use crate::harness::{ACCOUNT, ANNA, BERT, PATIENCE, WORD, lid};

/// The stanzas that the gateway never read.
const LOST: &str = "3A00000000000000000000000000AA01";
const LOST_IN_GROUP: &str = "3A00000000000000000000000000AA02";

/// A simulator and the folder of a gateway that has stopped.
struct Left {
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

/// A gateway that was linked, has talked with two people and in a group, has lost a message of each, and was stopped.
async fn left() -> Left {
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
            gateway.hear(&question).await;
            let answer = format!("{WORD} re {question}");
            gateway
                .send(&chat(&peer.number().to_string()), &answer)
                .await;
            let heard = peer.wait_for(|heard| heard.text.as_ref() == Some(&answer), PATIENCE);
            heard.await.unwrap();
        }
        let question = format!("{WORD} {round} in the group");
        anna.send_to_group(&group, &question).await.unwrap();
        gateway.hear(&question).await;
        let answer = format!("{WORD} re {question}");
        gateway.send(&group, &answer).await;
        let heard = bert.wait_for(|heard| heard.text.as_ref() == Some(&answer), PATIENCE);
        heard.await.unwrap();
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
        gateway.hear(&next).await;
    }
    gateway.stop().await;
    Left { sim, source, group }
}

#[tokio::test]
#[ignore = "needs Baileys: scripts/test"]
async fn conversations_go_on_where_baileys_left_them() {
    let Left { sim, source, group } = left().await;
    let before = source.state();
    let store = std::sync::Arc::new(InMemoryBackend::new());
    let report = baileys::import_into(source.dir(), &*store).await.unwrap();
    println!("{report}");
    assert_eq!(source.state(), before, "the folder is as it was");
    assert!(report.skipped.is_empty(), "{report}");

    let waiting = format!("{WORD} while nobody listens");
    let (anna, bert) = (sim.peer(ANNA).unwrap(), sim.peer(BERT).unwrap());
    anna.send_text(ACCOUNT, &waiting, By::Lid).await.unwrap();

    let client = Client::start(&sim, store.clone()).await;
    client.connected().await;
    client.hears(&waiting).await;
    for id in [LOST, LOST_IN_GROUP] {
        client.hears(&format!("{WORD} {id}")).await;
    }
    for (peer, by) in [(&anna, By::Lid), (&bert, By::Pn)] {
        let question = format!("{WORD} to the agent from {}", peer.number());
        peer.send_text(ACCOUNT, &question, by).await.unwrap();
        client.hears(&question).await;
        let id = client.say(&chat(&peer.number().to_string()), WORD).await;
        let heard = peer
            .wait_for(|heard| heard.id == id, PATIENCE)
            .await
            .unwrap();
        assert_eq!(heard.kind, "msg", "no new session with {}", peer.number());
    }
    for round in 0..2 {
        let question = format!("{WORD} {round} from the group to the agent");
        anna.send_to_group(&group, &question).await.unwrap();
        client.hears(&question).await;
        let id = client.say(&group, WORD).await;
        for member in [&anna, &bert] {
            let heard = member
                .wait_for(|heard| heard.id == id, PATIENCE)
                .await
                .unwrap();
            assert_eq!((heard.kind, heard.chat.as_str()), ("skmsg", group.as_str()));
        }
    }
    let own = format!("{group}:{}:1@lid.0", lid(ACCOUNT));
    let record = store.get_sender_key(&own).await.unwrap().unwrap();
    let record = SenderKeyRecord::deserialize(&record).unwrap();
    let chain = record.sender_key_state().unwrap().chain_id();
    assert_eq!(chain, source.own_sender_key(&group), "no new sender key");

    client.saw_no_trouble();
    let settled = || sim.queue(ACCOUNT).unwrap().is_empty();
    sim.until(PATIENCE, settled).await.unwrap();
    assert_eq!(
        sim.phone(ACCOUNT).unwrap().companions().len(),
        1,
        "no new link"
    );
    client.stop().await;
    assert!(sim.violations().is_empty(), "{:#?}", sim.violations());
    assert!(report.count(Kind::Sessions) >= 3, "{report}");
}

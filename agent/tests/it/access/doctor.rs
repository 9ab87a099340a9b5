//! The diagnosis of everything that can keep a message from arriving.

use std::fs;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::FindingState::{Bad, Good, Note};
use openclaw_sim::{By, Fault};

use super::{ONLY_ANNA, access, outcome, resolved, ruled, silence_usync};
use crate::harness::{ACCOUNT, ANNA, BERT, UNREGISTERED, WORD, World};

pub(crate) async fn diagnosis(world: &World, phone: &str) -> Vec<pb::Finding> {
    let request = pb::DiagnoseRequest {
        who: phone.to_owned(),
        link: false,
    };
    let found = access(world).diagnose(request).await.unwrap().into_inner();
    for finding in &found.findings {
        assert!(!finding.check.is_empty() && !finding.text.is_empty());
        let bad = finding.state() == Bad;
        assert!(!bad || !finding.hint.is_empty(), "{finding:?}");
        assert!(!finding.text.contains("555010"), "{finding:?}");
    }
    found.findings
}

fn finding(findings: &[pb::Finding], check: &str) -> Option<(pb::FindingState, String)> {
    let mut found = findings.iter().filter(|finding| finding.check == check);
    let finding = found.next()?;
    Some((finding.state(), finding.text.clone()))
}

pub(super) fn state(findings: &[pb::Finding], check: &str) -> Option<pb::FindingState> {
    finding(findings, check).map(|(state, _)| state)
}

#[tokio::test]
async fn the_verdict_on_a_number_names_its_line() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    world.sim.unknown(UNREGISTERED).unwrap();
    let mut events = world.watch().await;
    for number in [BERT, ANNA] {
        let peer = world.peer(number);
        peer.send_text(ACCOUNT, WORD, By::LidAlone).await.unwrap();
        let _ = outcome(&mut events).await;
    }
    let anna = diagnosis(&world, ANNA).await;
    assert!(
        anna.iter().all(|finding| finding.state() != Bad),
        "{anna:?}"
    );
    for check in [
        "link",
        "storage",
        "rules",
        "number",
        "lid",
        "direct",
        "last_message",
    ] {
        assert_eq!(state(&anna, check), Some(Good), "{check}: {anna:?}");
    }
    let direct = finding(&anna, "direct").unwrap().1;
    assert!(
        direct.contains("by line 4") && direct.contains("openclaw.yml"),
        "{direct}"
    );
    let bert = diagnosis(&world, BERT).await;
    assert_eq!(state(&bert, "direct"), Some(Bad));
    assert_eq!(state(&bert, "dropped"), Some(Bad));
    assert_eq!(state(&bert, "last_message"), Some(Note));
    let nobody = diagnosis(&world, UNREGISTERED).await;
    assert_eq!(state(&nobody, "number"), Some(Bad));
    let agent = diagnosis(&world, "").await;
    assert_eq!(state(&agent, "number"), None);
    world.finish().await;
}

#[tokio::test]
async fn problems_of_the_agent_are_listed_first() {
    let (world, folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    fs::write(folder.path().join("openclaw.yml"), "channels: 1\n").unwrap();
    let reload = pb::ReloadRulesRequest {};
    access(&world).reload_rules(reload).await.unwrap_err();
    silence_usync(&world).await;
    let add = pb::AddAllowedRequest {
        who: "+15550100004".to_owned(),
    };
    access(&world).add_allowed(add).await.unwrap();
    let carl = world.peer("+15550100004");
    carl.send_text(ACCOUNT, WORD, By::LidAlone).await.unwrap();
    world.all_acked().await;
    let found = diagnosis(&world, BERT).await;
    assert_eq!(state(&found, "reload"), Some(Bad));
    assert!(finding(&found, "reload").unwrap().1.contains("line 1"));
    assert_eq!(state(&found, "held"), Some(Note));
    assert_eq!(state(&found, "resolution"), Some(Note));
    assert_eq!(
        state(&found, "number"),
        Some(Note),
        "WhatsApp does not answer"
    );
    world.sim.fault(Fault::Refuse(1_000)).await;
    world.fault(Fault::Drop).await;
    world.agent.until_state(pb::LinkState::BackingOff).await;
    let found = diagnosis(&world, ANNA).await;
    assert_eq!(state(&found, "link"), Some(Bad));
    assert_eq!(found[0].check, "link");
    world.finish().await;
}

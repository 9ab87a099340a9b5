//! Numbers and addresses in the API: accepted in every spelling, or refused before WhatsApp is queried.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::FindingState::Good;
use openclaw_sim::By;
use tonic::Code;

use super::{ONLY_ANNA, access, outcome, resolved, ruled};
use crate::harness::{ACCOUNT, ANNA, WORD, World, lid};

#[tokio::test]
async fn a_diagnosis_by_lid_and_by_number_agree() {
    let (world, _folder) = ruled(ONLY_ANNA, &[]).await;
    resolved(&world).await;
    let mut events = world.watch().await;
    let anna = world.peer(ANNA);
    anna.send_text(ACCOUNT, WORD, By::LidAlone).await.unwrap();
    let _ = outcome(&mut events).await;
    let stranger = "199999999999999@lid";
    for (who, direct) in [
        (format!("{}@lid", lid(ANNA)).as_str(), true),
        (stranger, false),
    ] {
        let request = pb::DiagnoseRequest {
            who: who.to_owned(),
            link: false,
        };
        let found = access(&world).diagnose(request).await.unwrap().into_inner();
        let direct_is = found.findings.iter().find(|one| one.check == "direct");
        assert_eq!(direct_is.unwrap().state() == Good, direct, "{found:?}");
    }
    let group = pb::DiagnoseRequest {
        who: "120363000000000001@g.us".to_owned(),
        link: false,
    };
    let refused = access(&world).diagnose(group).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}

#[tokio::test]
async fn an_ambiguous_number_is_refused_and_nothing_is_sent() {
    let world = World::linked().await;
    for to in [
        "15550100002",
        "+0015550100002",
        "+1 (0) 5550100002",
        "15550100002:3@s.whatsapp.net",
    ] {
        let refused = world.send(to, WORD).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{to}");
        assert!(!refused.message().contains("0100002"), "{refused:?}");
    }
    assert!(world.peer(ANNA).inbox().is_empty());
    let pasted = "\u{202a}https://wa.me/15550100002\u{202c}";
    let sent = world.send(pasted, WORD).await.unwrap();
    assert!(sent.state() >= pb::SendState::ServerAck);
    world.finish().await;
}

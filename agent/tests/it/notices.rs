//! Notifications and calls from the server: acked, and never recorded as messages. Calls are events of their own.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use openclaw_sim::{By, Call, CallKind, NoticeAbout};

use crate::harness::{ACCOUNT, ANNA, BERT, WORD, World, lid};

/// The stanzas of a call, in order.
const CALL: [CallKind; 12] = [
    CallKind::Offer,
    CallKind::OfferNotice,
    CallKind::Preaccept,
    CallKind::Accept,
    CallKind::Reject,
    CallKind::Busy,
    CallKind::Transport,
    CallKind::Relaylatency,
    CallKind::Terminate,
    CallKind::Timeout,
    CallKind::AcceptedElsewhere,
    CallKind::RejectedElsewhere,
];

impl World {
    /// Checks that the agent still receives messages, and has recorded only these as messages.
    async fn shows_only(&self, ids: &[String]) {
        let events = self.events().await.into_iter();
        let shown = events.filter_map(|event| match event.kind {
            Some(Kind::Message(message)) => Some(message.origin().id.clone()),
            Some(Kind::Link(_) | Kind::Call(_)) => None,
            other => panic!("{other:?}"),
        });
        assert_eq!(shown.collect::<Vec<_>>(), ids);
    }

    async fn receives_from(&self, who: &str) -> String {
        let sent = self.peer(who).send_text(ACCOUNT, WORD, By::Lid).await;
        self.all_acked().await;
        sent.unwrap()
    }
}

#[tokio::test]
async fn every_notification_is_acked_and_has_no_side_effect() {
    let world = World::linked().await;
    let about = NoticeAbout {
        contact: Some(ANNA.parse().unwrap()),
        ..NoticeAbout::default()
    };
    let mut ids = Vec::new();
    for notice in world.sim.notice_kinds() {
        world.sim.notify(ACCOUNT, notice.kind, &about).unwrap();
        ids.push(world.receives_from(BERT).await);
        world.agent.until_state(pb::LinkState::Connected).await;
    }
    world.shows_only(&ids).await;
    world.finish().await;
}

#[tokio::test]
async fn calls_are_acked_also_from_the_backlog_and_are_no_messages() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    for kind in CALL {
        for offline in [false, true] {
            let call = Call {
                offline,
                ..Call::of(kind)
            };
            anna.call(ACCOUNT, &call).unwrap();
            world.all_acked().await;
        }
    }
    world.agent.kill().await;
    for kind in CALL {
        anna.call(ACCOUNT, &Call::of(kind)).unwrap();
    }
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.all_acked().await;
    let id = world.receives_from(BERT).await;
    world.shows_only(&[id]).await;
    world.finish().await;
}

#[tokio::test]
async fn a_call_is_an_event_for_each_of_its_states() {
    let mut world = World::linked().await;
    let anna = world.peer(ANNA);
    let mut expected = Vec::new();
    for (end, state) in [
        (CallKind::Terminate, pb::CallState::Missed),
        (CallKind::Timeout, pb::CallState::Missed),
        (CallKind::AcceptedElsewhere, pb::CallState::Answered),
        (CallKind::RejectedElsewhere, pb::CallState::Declined),
    ] {
        let offer = Call {
            video: true,
            ..Call::of(CallKind::Offer)
        };
        let (_, id) = anna.call(ACCOUNT, &offer).unwrap();
        world.all_acked().await;
        let end = Call {
            call: Some(id.clone()),
            ..Call::of(end)
        };
        anna.call(ACCOUNT, &end).unwrap();
        world.all_acked().await;
        if state == pb::CallState::Answered {
            // The call that the phone has taken ends.
            let end = Call {
                call: Some(id.clone()),
                ..Call::of(CallKind::Terminate)
            };
            anna.call(ACCOUNT, &end).unwrap();
            world.all_acked().await;
        }
        expected.push((id.clone(), pb::CallState::Ringing, true));
        expected.push((id, state, false));
    }
    // One that rang while the agent was offline.
    world.agent.kill().await;
    let (_, id) = anna.call(ACCOUNT, &Call::of(CallKind::Offer)).unwrap();
    let url = world.sim.url();
    world.agent.start_again(&url).await;
    world.all_acked().await;
    expected.push((id, pb::CallState::Missed, false));
    world.receives_from(BERT).await;
    let events = world.events().await.into_iter();
    let calls = events.filter_map(|event| match event.kind {
        Some(Kind::Call(call)) => {
            let origin = call.origin();
            let sender = origin.sender.clone().unwrap();
            assert_eq!(sender.lid, format!("{}@lid", lid(ANNA)));
            assert_eq!(origin.chat, sender.lid);
            Some((origin.id.clone(), call.state(), call.video))
        }
        _ => None,
    });
    assert_eq!(calls.collect::<Vec<_>>(), expected);
    world.finish().await;
}

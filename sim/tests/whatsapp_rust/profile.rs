//! Profiles: changed by one side, and seen by the other.

use std::time::Duration;

use openclaw_sim::By;
use serde_json::json;
use whatsapp_rust::Jid;
use whatsapp_rust::sync_task::MajorSyncTask;
use whatsapp_rust::types::events::Event;
use whatsapp_rust::wacore::appstate::patch_decode::WAPatchName;
use whatsapp_rust::wacore::iq::privacy::{
    DisallowedListAction, DisallowedListUpdate, DisallowedListUserEntry, PrivacyCategory,
    PrivacyValue,
};

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";
/// `FF D8 FF E0`, the first bytes of a JPEG.
const JPEG: &str = "/9j/4AAQSkZJRg==";

fn contact() -> Jid {
    "15550100002@s.whatsapp.net".parse().expect("a jid")
}

/// An account with a companion that has received a message of the contact.
async fn acquainted(server: &Controlled) -> Companion {
    let companion = server.linked().await;
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "hello", By::Pn)
        .await
        .expect("sent");
    companion.wait_for_text("hello").await;
    companion
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contacts_changes_are_announced_and_can_be_queried() {
    let server = Controlled::start().await;
    let companion = acquainted(&server).await;
    let client = companion.client();
    let none = client
        .contacts()
        .get_profile_picture(&contact(), false)
        .await;
    assert!(none.expect("an answer").is_none());
    let body = json!({ "account": CONTACT, "bytes": JPEG });
    let id = server.post("/profile/picture", body).await["id"].to_string();
    let announced = companion
        .wait_for(|event| match event {
            Event::PictureUpdate(update) => Some((update.jid.clone(), update.picture_id.clone())),
            _ => None,
        })
        .await;
    assert_eq!(announced, (contact(), Some(id.clone())));
    let picture = client
        .contacts()
        .get_profile_picture(&contact(), true)
        .await;
    let picture = picture.expect("an answer").expect("a picture");
    assert_eq!(picture.id, id);
    let path = picture.direct_path.expect("a path");
    assert!(picture.url.ends_with(&path), "{}", picture.url);

    let body = json!({ "account": CONTACT, "text": "at sea" });
    server.post("/profile/about", body).await;
    companion
        .wait_for(|event| match event {
            Event::UserAboutUpdate(update) => (update.status == "at sea").then_some(()),
            _ => None,
        })
        .await;
    let body = json!({ "account": CONTACT, "name": "Harbour Office" });
    server.post("/profile/business", body).await;
    companion
        .wait_for(|event| match event {
            Event::BusinessStatusUpdate(update) => {
                (update.verified_name.as_deref() == Some("Harbour Office")).then_some(())
            }
            _ => None,
        })
        .await;
    let body = json!({ "account": CONTACT, "seconds": 86_400 });
    server.post("/profile/timer", body).await;
    companion
        .wait_for(|event| match event {
            Event::DisappearingModeChanged(change) => (change.duration == 86_400).then_some(()),
            _ => None,
        })
        .await;
    let info = client.contacts().get_user_info(&[contact()]).await;
    let info = info.expect("an answer");
    let info = info.values().next().expect("one");
    assert_eq!(info.status.as_deref(), Some("at sea"));
    assert_eq!(info.picture_id.as_ref(), Some(&id));
    assert!(info.is_business);

    server
        .post("/profile/picture", json!({ "account": CONTACT }))
        .await;
    companion
        .wait_for(|event| match event {
            Event::PictureUpdate(update) => update.removed.then_some(()),
            _ => None,
        })
        .await;
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contacts_privacy_settings_hide_the_profile() {
    let server = Controlled::start().await;
    let companion = acquainted(&server).await;
    let client = companion.client();
    server
        .post(
            "/profile/picture",
            json!({ "account": CONTACT, "bytes": JPEG }),
        )
        .await;
    server
        .post(
            "/profile/about",
            json!({ "account": CONTACT, "text": "at sea" }),
        )
        .await;
    for (setting, body) in [
        ("profile", json!({ "value": "none" })),
        (
            "status",
            json!({ "value": "contact_blacklist", "except": [ACCOUNT] }),
        ),
    ] {
        let mut body = body;
        body["account"] = json!(CONTACT);
        body["setting"] = json!(setting);
        server.post("/profile/privacy", body).await;
    }
    let picture = client
        .contacts()
        .get_profile_picture(&contact(), false)
        .await;
    assert!(picture.expect("an answer").is_none());
    let info = client.contacts().get_user_info(&[contact()]).await;
    let info = info.expect("an answer");
    let info = info.values().next().expect("one");
    assert_eq!(info.status.as_deref().unwrap_or_default(), "");
    assert_eq!(
        info.picture_error.as_ref().and_then(|error| error.code),
        Some(401)
    );
    assert!(!info.is_business);
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_companions_changes_are_stored_and_the_other_companion_is_notified() {
    let server = Controlled::start().await;
    let companion = acquainted(&server).await;
    let other = Companion::linked(&server.sim, ACCOUNT).await;
    let client = companion.client();
    let profile = client.profile();
    let set = profile
        .set_profile_picture(vec![0xFF, 0xD8, 0xFF, 0xE0])
        .await;
    let id = set.expect("set").id;
    profile.set_status_text("ashore").await.expect("set");
    client
        .set_default_disappearing_mode(604_800)
        .await
        .expect("set");
    let set = client.set_privacy_setting(PrivacyCategory::Online, PrivacyValue::MatchLastSeen);
    set.await.expect("set");
    let except = |hash: &str, action| DisallowedListUpdate {
        dhash: hash.to_owned(),
        users: vec![DisallowedListUserEntry {
            action,
            jid: server.sim.peer(CONTACT).expect("peer").number().lid(),
            pn_jid: Some(contact()),
        }],
    };
    let update = except("none", DisallowedListAction::Add);
    let set = client
        .set_privacy_disallowed_list(PrivacyCategory::Last, update)
        .await;
    let hash = set.expect("set").dhash.expect("a hash");
    let stale = except("none", DisallowedListAction::Add);
    let stale = client
        .set_privacy_disallowed_list(PrivacyCategory::Last, stale)
        .await;
    assert!(stale.is_err(), "an outdated list");
    let update = except(&hash, DisallowedListAction::Remove);
    let set = client
        .set_privacy_disallowed_list(PrivacyCategory::Last, update)
        .await;
    set.expect("set");
    let settings = client.fetch_privacy_settings().await.expect("settings");
    let online = settings.get_value(&PrivacyCategory::Online);
    assert_eq!(online, Some(&PrivacyValue::MatchLastSeen));

    let found = server.get("/profile?account=15550100001").await;
    assert_eq!(found["picture"].to_string(), id);
    assert_eq!(
        (&found["about"], &found["timer"]),
        (&json!("ashore"), &json!(604_800))
    );
    assert_eq!(found["privacy"]["last"], "contact_blacklist");
    let notified = || {
        let acks = server.sim.acks(ACCOUNT).expect("acks");
        let acks = acks.iter().filter(|ack| ack.device == 2);
        acks.filter(|ack| ack.class == openclaw_sim::Class::Notification)
            .count()
            >= 6
    };
    server
        .sim
        .until(TEST_TIMEOUT, notified)
        .await
        .expect("notified and acked");
    assert_clean(&server.sim);
    let wrong = profile.set_profile_picture(b"GIF89a".to_vec()).await;
    assert!(wrong.is_err(), "no JPEG");
    assert_eq!(server.sim.violations().len(), 1);
    companion.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_a_blocked_contact_do_not_arrive() {
    let server = Controlled::start().await;
    let companion = acquainted(&server).await;
    let blocking = companion.client();
    let blocking = blocking.blocking();
    blocking.block(&contact()).await.expect("blocked");
    let list = blocking.get_blocklist().await.expect("a list");
    assert_eq!(list.len(), 1);
    assert!(blocking.is_blocked(&contact()).await.expect("an answer"));
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "are you there?", By::Pn)
        .await
        .expect("sent");
    blocking.unblock(&contact()).await.expect("unblocked");
    assert!(blocking.get_blocklist().await.expect("a list").is_empty());
    peer.send_text(ACCOUNT, "and now?", By::Pn)
        .await
        .expect("sent");
    companion.wait_for_text("and now?").await;
    let received = companion.messages();
    assert!(received.iter().all(|(.., text)| text != "are you there?"));
    // The phone has the same list.
    let body = json!({ "account": ACCOUNT, "contact": CONTACT, "blocked": true });
    server.post("/profile/block", body).await;
    let settled = || server.sim.owed(ACCOUNT).expect("owed") == 0;
    server
        .sim
        .until(TEST_TIMEOUT, settled)
        .await
        .expect("acked");
    assert_eq!(blocking.get_blocklist().await.expect("a list").len(), 1);
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_change_the_picture_of_a_group() {
    let server = Controlled::start().await;
    let companion = acquainted(&server).await;
    let client = companion.client();
    let body = json!({ "account": ACCOUNT, "subject": "Tides", "members": [CONTACT] });
    let group = server.post("/group", body).await["jid"].clone();
    let jid: Jid = group
        .as_str()
        .and_then(|jid| jid.parse().ok())
        .expect("a jid");
    let body = json!({ "account": CONTACT, "group": group, "bytes": JPEG });
    let id = server.post("/profile/picture", body).await["id"].to_string();
    companion
        .wait_for(|event| match event {
            Event::PictureUpdate(update) => (update.jid == jid).then_some(()),
            _ => None,
        })
        .await;
    let picture = client.contacts().get_profile_picture(&jid, false).await;
    assert_eq!(picture.expect("an answer").expect("a picture").id, id);
    let wrong = json!({ "account": "+15550100009", "group": group, "bytes": JPEG });
    let wrong = wrong.to_string();
    let refused = crate::http::call(server.at, "POST", "/profile/picture", wrong.as_bytes());
    let (status, _) = tokio::time::timeout(Duration::from_secs(5), refused)
        .await
        .expect("in time");
    assert_eq!(status, 409);
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_push_name_is_changed_on_either_side() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let other = Companion::linked(&server.sim, ACCOUNT).await;
    server
        .post(
            "/profile/name",
            json!({ "account": ACCOUNT, "name": "Anna" }),
        )
        .await;
    for companion in [&companion, &other] {
        companion
            .wait_for(|event| match event {
                Event::SelfPushNameUpdated(update) => (update.new_name == "Anna").then_some(()),
                _ => None,
            })
            .await;
    }
    let client = companion.client();
    client.profile().set_push_name("Berta").await.expect("set");
    other
        .wait_for(|event| match event {
            Event::SelfPushNameUpdated(update) => (update.new_name == "Berta").then_some(()),
            _ => None,
        })
        .await;
    let profile = server.get("/profile?account=15550100001").await;
    assert_eq!(profile["name"], "Berta");
    assert_clean(&server.sim);
    companion.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contact_is_saved_and_renamed_on_the_phone() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    for name in ["Anna", "Anna from work"] {
        let body = json!({ "account": ACCOUNT, "contact": CONTACT, "name": name });
        server.post("/profile/contact", body).await;
        companion
            .wait_for(|event| match event {
                Event::ContactUpdate(update) => {
                    let is_named = update.action.full_name.as_deref() == Some(name);
                    (is_named && update.jid == contact()).then_some(())
                }
                _ => None,
            })
            .await;
        // Until the library is done with a change, it skips the announcement of the next one.
        let done = MajorSyncTask::AppStateSync {
            name: WAPatchName::CriticalUnblockLow,
            full_sync: false,
        };
        companion.client().process_sync_task(done).await;
    }
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_do_not_see_a_hidden_online_state() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    for (setting, value) in [("last", "contacts"), ("online", "match_last_seen")] {
        let body = json!({ "account": CONTACT, "setting": setting, "value": value });
        server.post("/profile/privacy", body).await;
    }
    let seen = |companion: &Companion| {
        let events = companion.events();
        let presences = events.iter().filter_map(|event| match &**event {
            Event::Presence(update) => Some(!update.unavailable),
            _ => None,
        });
        presences.collect::<Vec<bool>>()
    };
    let client = companion.client();
    client.presence().subscribe(&contact()).await.expect("sent");
    let body = json!({ "from": CONTACT, "available": true });
    server.post("/presence", body).await;
    // The response arrives after everything that was sent before it.
    client.fetch_props().await.expect("properties");
    assert_eq!(seen(&companion), Vec::<bool>::new(), "a stranger");
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.send_text(ACCOUNT, "hello", By::Pn)
        .await
        .expect("sent");
    companion.wait_for_text("hello").await;

    let body = json!({ "from": CONTACT, "available": false });
    server.post("/presence", body).await;
    companion
        .wait_for(|event| match event {
            Event::Presence(update) => update.unavailable.then_some(()),
            _ => None,
        })
        .await;
    assert_clean(&server.sim);
    companion.stop().await;
}

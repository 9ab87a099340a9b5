//! The recipients that a client may send to: from its invitation to its connections.

use ciborium::Value;
use openclaw_types::{Lid, Phone, Recipient};

use super::*;

const LISTED: &str = "+5511955501234";
/// The same person's number in WhatsApp's spelling.
const SPELLED: &str = "+551155501234";
const GROUP: &str = "120363000000000001@g.us";

fn limit(known: bool, recipients: &[&str]) -> SendTo {
    let recipients = recipients.iter().map(|text| text.parse().unwrap());
    SendTo {
        known,
        recipients: recipients.collect(),
    }
}

async fn enroll_limited(clients: &Clients, client: u8, limit: Option<SendTo>) {
    let invited = clients.invite(Role::Sender, None, limit, now()).await;
    let name = client.to_string();
    enroll(clients, &invited.unwrap().0, client, &name, now())
        .await
        .unwrap();
}

/// The limit of a new connection of the client.
fn limit_of(clients: &Clients, client: u8) -> Option<SendTo> {
    let pass = clients.authorize(key(client), now()).ok().unwrap();
    pass.send_to.as_deref().cloned()
}

#[tokio::test]
async fn a_limit_goes_from_the_invitation_to_the_client_and_survives_restarts() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let wanted = Some(limit(true, &[LISTED, "7@lid", GROUP]));
    let invited = clients.invite(Role::Sender, None, wanted.clone(), now());
    let (code, invitation) = invited.await.unwrap();
    assert_eq!(invitation.send_to, wanted);
    volume.reopen();
    let clients = of(&volume);
    assert_eq!(clients.invitations(now())[0].send_to, wanted);
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    enroll_limited(&clients, 2, None).await;
    assert_eq!(limit_of(&clients, 1), wanted);
    // The last-seen time is in the same row.
    clients.keep_seen(now());
    volume.reopen();
    let clients = of(&volume);
    assert_eq!(limit_of(&clients, 1), wanted);
    assert_eq!(clients.list(now())[0].send_to, None, "2 is by name first");
    assert_eq!(clients.list(now())[1].send_to, wanted);
    assert_eq!(limit_of(&clients, 2), None);
}

#[tokio::test]
async fn a_client_that_enrolls_again_has_the_limit_of_its_new_code() {
    let volume = Volume::new();
    let clients = of(&volume);
    enroll_limited(&clients, 1, None).await;
    let mut pass = clients.authorize(key(1), now()).ok().unwrap();
    let severed = pass.severed();
    let wanted = Some(limit(true, &[]));
    enroll_limited(&clients, 1, wanted.clone()).await;
    severed.await;
    assert_eq!(limit_of(&clients, 1), wanted);
    enroll_limited(&clients, 1, None).await;
    assert_eq!(limit_of(&clients, 1), None);
}

/// Overwrites the limit in a client's row.
async fn write_limit(volume: &Volume, client: u8, value: Value) {
    let bytes = volume.vault.load(member::key(&key(client))).unwrap();
    let mut row: Value = ciborium::from_reader(bytes.as_slice()).unwrap();
    let fields = row.as_map_mut().unwrap();
    fields.retain(|(name, _)| name.as_text() != Some("t"));
    fields.push((Value::from("t"), value));
    let mut bytes = Vec::new();
    ciborium::into_writer(&row, &mut bytes).unwrap();
    volume.vault.update(|update| {
        update.batch().put(member::key(&key(client)), &bytes);
    });
    volume.vault.flush().await;
}

#[tokio::test]
async fn a_limit_that_cannot_be_decoded_allows_no_recipient() {
    let recipients = |all: &[&str]| Value::Array(all.iter().map(|it| Value::from(*it)).collect());
    let field = |name: &str, value: Value| (Value::from(name), value);
    let known = || field("k", Value::from(true));
    let unreadable = [
        Value::Null,
        Value::from(true),
        Value::Map(vec![]),
        Value::Map(vec![known()]),
        Value::Map(vec![known(), field("r", recipients(&[LISTED, "SECRET@x"]))]),
        // A field that a newer version may add.
        Value::Map(vec![
            known(),
            field("r", recipients(&[])),
            field("z", Value::from(1)),
        ]),
    ];
    let mut volume = Volume::new();
    let written = Some(limit(true, &[LISTED]));
    enroll_limited(&of(&volume), 1, written.clone()).await;
    for value in unreadable {
        write_limit(&volume, 1, value.clone()).await;
        volume.reopen();
        let clients = of(&volume);
        assert_eq!(limit_of(&clients, 1), Some(limit(false, &[])), "{value:?}");
    }
    let readable = Value::Map(vec![known(), field("r", recipients(&[LISTED]))]);
    write_limit(&volume, 1, readable).await;
    volume.reopen();
    assert_eq!(limit_of(&of(&volume), 1), written);
}

#[test]
fn a_person_matches_by_number_by_lid_and_in_each_spelling() {
    let lid_of = |phone: &Phone| match phone.e164().as_str() {
        LISTED | SPELLED => Lid::new("7"),
        "+15550100003" => Lid::new("8"),
        _ => None,
    };
    let lists = |limit: &SendTo, to: &str| {
        let to: Recipient = to.parse().unwrap();
        limit.lists(&to, lid_of)
    };
    for listed in [LISTED, SPELLED, "7@lid"] {
        let limit = limit(false, &[listed, "+15550100009"]);
        for to in [LISTED, SPELLED, "7@lid", "+15550100009"] {
            assert!(lists(&limit, to), "{to} by {listed}");
        }
        for to in ["+15550100003", "8@lid", "+15550100004", GROUP] {
            assert!(!lists(&limit, to), "{to} by {listed}");
        }
    }
    let group = limit(true, &[GROUP]);
    assert!(lists(&group, GROUP));
    for to in ["120363000000000002@g.us", LISTED, "120363000000000001@lid"] {
        assert!(!lists(&group, to), "{to}");
    }
    assert!(!lists(&limit(true, &[]), LISTED), "`known` lists no one");
}

//! Content that cannot be sent is refused, and the error names its field.

use super::*;

fn refused(payload: Payload, field: &str) {
    let status = outgoing(Some(payload), None).unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument, "{field}");
    assert!(status.message().starts_with(field), "{}", status.message());
    assert!(!status.message().contains("SECRET"), "{}", status.message());
}

fn content(kind: Kind) -> Payload {
    Payload::Content(pb::Content {
        kind: Some(kind),
        ..Default::default()
    })
}

fn by_seq(seq: u64) -> Option<pb::MessageRef> {
    let by = Some(By::Seq(seq));
    Some(pb::MessageRef { by })
}

fn options(names: &[&str]) -> Vec<pb::PollOption> {
    let names = names.iter().map(|name| (*name).to_owned());
    names.map(|name| pb::PollOption { name }).collect()
}

#[test]
fn a_change_requires_a_reference_to_its_message() {
    for (field, target) in [
        ("reaction.target", None),
        ("reaction.target.seq", by_seq(0)),
    ] {
        let emoji = "🐟".to_owned();
        refused(
            Payload::Reaction(pb::ReactionDraft { target, emoji }),
            field,
        );
    }
    let keys = [
        ("deletion.target.key.id", "+15550100123", ""),
        ("deletion.target.key.chat", "SECRET", "3EB0AA"),
    ];
    for (field, chat, id) in keys {
        let by = Some(By::Key(pb::MessageKey {
            chat: chat.to_owned(),
            id: id.to_owned(),
            sender: None,
        }));
        let target = Some(pb::MessageRef { by });
        refused(Payload::Deletion(pb::DeletionDraft { target }), field);
    }
    let vote = pb::PollVoteDraft {
        target: by_seq(1),
        options: options(&["a", "a"]),
    };
    refused(Payload::PollVote(vote), "poll_vote.options");
    let content = pb::Content::of_text("SECRET");
    let edit = |target, content| Payload::Edit(pb::EditDraft { target, content });
    refused(edit(None, Some(content)), "edit.target");
    refused(edit(by_seq(1), None), "edit.content");
    let answer = outgoing(
        Some(Payload::Deletion(pb::DeletionDraft { target: by_seq(1) })),
        by_seq(2),
    );
    assert!(answer.unwrap_err().message().starts_with("reply_to"));
}

#[test]
fn text_is_not_an_emoji() {
    for good in ["", "🐟", "❤️", "👩‍👩‍👧‍👦", "1️⃣"] {
        assert!(emoji(good.to_owned()).is_ok(), "{good}");
    }
    for bad in ["SECRET", ":)", "é", &*"🐟".repeat(17)] {
        assert!(emoji(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn coordinates_must_be_in_range() {
    let at = |latitude, longitude| pb::Location {
        latitude,
        longitude,
        ..Default::default()
    };
    let place = place(at(-90.0, 180.0)).unwrap();
    assert_eq!(
        (place.latitude_e6, place.longitude_e6),
        (-90_000_000, 180_000_000)
    );
    for (field, latitude, longitude) in [
        ("content.location.latitude", 90.1, 0.0),
        ("content.location.latitude", f64::NAN, 0.0),
        ("content.location.longitude", 0.0, f64::INFINITY),
    ] {
        refused(content(Kind::Location(at(latitude, longitude))), field);
    }
}

#[test]
fn a_card_is_built_from_a_name_and_numbers() {
    let card = |name: &str, phones: &[&str], vcard: &str| pb::ContactCard {
        name: name.to_owned(),
        phones: phones.iter().map(|it| (*it).to_owned()).collect(),
        vcard: vcard.to_owned(),
    };
    let made = self::card(card("Bert; Jr.", &["+1 555 010-0123"], "")).unwrap();
    assert_eq!(
        made.vcard,
        "BEGIN:VCARD\nVERSION:3.0\nN:;Bert\\; Jr.;;;\nFN:Bert\\; Jr.\n\
         TEL;type=CELL;type=VOICE;waid=15550100123:+15550100123\nEND:VCARD"
    );
    let own = "BEGIN:VCARD\nEND:VCARD";
    assert_eq!(self::card(card("Bert", &[], own)).unwrap().vcard, own);
    for bad in [
        card("", &["+15550100123"], ""),
        card("Bert", &[], ""),
        card("Bert", &["SECRET"], ""),
        card("Bert", &["+15550100123"], own),
        card("Bert", &[], "SECRET"),
    ] {
        let cards = vec![bad];
        let cards = Kind::Contacts(pb::ContactCards { cards });
        refused(content(cards), "content.contacts.cards");
    }
}

#[test]
fn a_poll_requires_a_question_and_distinct_options() {
    let poll = |question: &str, names: &[&str], selectable| pb::Poll {
        question: question.to_owned(),
        options: options(names),
        selectable,
    };
    for selectable in [0, 1, 2] {
        assert!(self::poll(poll("?", &["a", "b"], selectable)).is_ok());
    }
    let many: Vec<String> = (0..13).map(|n| n.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (field, bad) in [
        ("content.poll.question", poll("", &["a", "b"], 1)),
        ("content.poll.options", poll("?", &["a"], 1)),
        ("content.poll.options", poll("?", &["a", "a"], 1)),
        ("content.poll.options", poll("?", &["a", " "], 1)),
        ("content.poll.options", poll("?", &many, 1)),
        ("content.poll.selectable", poll("?", &["a", "b"], 3)),
    ] {
        refused(content(Kind::Poll(bad)), field);
    }
}

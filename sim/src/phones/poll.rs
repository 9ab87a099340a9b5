//! Votes, encrypted with the secret in the poll, so that only recipients of the poll can read them.

use buffa::MessageField;
use wacore::poll::{self, PollVoteCiphertext};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{PollEncValue, PollUpdateMessage};

use crate::clock::unix_now;
use crate::number::Number;
use crate::state::error::Error;
use crate::state::user::User;
use crate::wire::address::By;
use crate::wire::content::{Poll, Vote, poll_in, unwrapped};

/// A poll that a user has received or sent.
struct Known {
    creator: Number,
    secret: Vec<u8>,
    options: Vec<String>,
}

/// The poll with this id, as the user has it.
fn known(user: &User, number: &Number, id: &str) -> Option<Known> {
    let of = |creator: Number, message: &wa::Message| {
        let (_, inner) = unwrapped(message);
        let contexts = [inner, message].map(|it| it.message_context_info.as_option());
        let mut secrets = contexts.into_iter().flatten();
        Some(Known {
            creator,
            secret: secrets.find_map(|it| it.message_secret.clone())?,
            options: Poll::of(poll_in(inner)?).options,
        })
    };
    let mut got = user.inbox.iter().filter(|it| it.id == id);
    let got = got.find_map(|it| of(it.from.parse().ok()?, &it.message));
    let mut made = user.sent.iter().filter(|it| it.envelope.id == id);
    got.or_else(|| made.find_map(|it| of(number.clone(), &it.message)))
}

fn address(number: &Number, by_lid: bool) -> String {
    match by_lid {
        true => number.lid().to_string(),
        false => number.pn().to_string(),
    }
}

/// The message that carries a vote.
pub(crate) fn vote(user: &User, voter: &Number, vote: &Vote, by: By) -> Result<wa::Message, Error> {
    let no_poll = || Error::NoMessage(vote.poll.clone());
    let known = known(user, voter, &vote.poll).ok_or_else(no_poll)?;
    let chosen: Vec<Vec<u8>> = vote
        .options
        .iter()
        .map(|option| poll::compute_option_hash(option).to_vec())
        .collect();
    let (creator, own) = (
        address(&known.creator, by.is_lid()),
        address(voter, by.is_lid()),
    );
    let sealed =
        poll::encrypt_poll_vote_with_secret(&chosen, &known.secret, &vote.poll, &creator, &own);
    let (payload, iv) = sealed.map_err(|_| no_poll())?;
    let update = PollUpdateMessage {
        poll_creation_message_key: MessageField::some(wa::MessageKey {
            from_me: Some(known.creator == *voter),
            id: Some(vote.poll.clone()),
            participant: Some(creator),
            ..Default::default()
        }),
        vote: MessageField::some(PollEncValue {
            enc_payload: Some(payload),
            enc_iv: Some(iv.to_vec()),
        }),
        sender_timestamp_ms: i64::try_from(unix_now() * 1000).ok(),
        ..Default::default()
    };
    Ok(wa::Message {
        poll_update_message: MessageField::some(update),
        ..Default::default()
    })
}

/// The vote in a message, if the user has the poll.
pub(crate) fn read(
    user: &User,
    own: &Number,
    voter: &Number,
    message: &wa::Message,
) -> Option<Vote> {
    let (_, inner) = unwrapped(message);
    let update = inner.poll_update_message.as_option()?;
    let id = update.poll_creation_message_key.id.as_deref()?;
    let known = known(user, own, id)?;
    let sealed = PollVoteCiphertext {
        enc_payload: update.vote.enc_payload.as_deref()?,
        enc_iv: update.vote.enc_iv.as_deref()?,
    };
    let chosen = [true, false].into_iter().find_map(|by_lid| {
        let (creator, voter) = (address(&known.creator, by_lid), address(voter, by_lid));
        let opened =
            poll::decrypt_poll_vote_with_secret(sealed, &known.secret, id, &creator, &voter);
        opened.ok()
    })?;
    let is_chosen = |option: &&String| {
        let hash = poll::compute_option_hash(option);
        chosen.iter().any(|chosen| chosen[..] == hash)
    };
    Some(Vote {
        poll: id.to_owned(),
        options: known.options.iter().filter(is_chosen).cloned().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::number::DeviceId;
    use crate::state::inbox::Received;
    use crate::wire::content::{Content, Kind};

    fn number(text: &str) -> Number {
        text.parse().expect("a number")
    }

    fn got(user: &mut User, id: &str, from: &DeviceId, message: &wa::Message) {
        let chat = from.0.lid();
        user.receive(0, Received::plain(id, from, &chat, message));
    }

    #[test]
    fn only_recipients_of_the_poll_can_read_a_vote() {
        let (anna, bert) = (number("+15550100002"), number("+15550100003"));
        let poll = Content::from(Kind::Poll(Poll {
            question: "Which?".to_owned(),
            options: ["a", "b", "c"].map(str::to_owned).to_vec(),
            selectable: 0,
        }));
        let poll = poll.message().expect("a poll");
        let (mut voter, mut other, stranger) =
            (User::new(&bert), User::new(&anna), User::new(&anna));
        for user in [&mut voter, &mut other] {
            got(user, "P", &(anna.clone(), 0), &poll);
        }
        let chosen = Vote {
            poll: "P".to_owned(),
            options: vec!["a".to_owned(), "c".to_owned()],
        };
        for by in [By::Lid, By::Pn] {
            let message = vote(&voter, &bert, &chosen, by).expect("a vote");
            assert_eq!(read(&other, &anna, &bert, &message), Some(chosen.clone()));
            assert_eq!(read(&other, &anna, &anna, &message), None, "another voter");
            assert_eq!(read(&stranger, &anna, &bert, &message), None);
        }
        let unknown = Vote {
            poll: "Q".to_owned(),
            options: Vec::new(),
        };
        assert!(vote(&voter, &bert, &unknown, By::Lid).is_err());
    }
}

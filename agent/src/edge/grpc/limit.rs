//! The recipient limit of a client, checked before a send has any effect.

use openclaw_state::send_to::SendTo;
use openclaw_types::{ChatId, EventData, Filter, Kind, KindSet, Lid, Phone, Recipient, Seq};
use openclaw_whatsapp::session::MAX_NUMBERS_PER_QUERY;
use tonic::Status;

use super::list::Backwards;
use super::listen::Caller;
use super::status;
use super::watch::Pages;
use crate::link::Agent;

/// How many events one send scans for a message from its recipient. The number is part of the contract.
const MAX_EVENTS_SCANNED: u64 = 20_000;

/// Refuses a recipient that is not in the caller's limit.
pub(super) async fn check(
    agent: &Agent,
    pages: &Pages,
    caller: Option<&Caller>,
    to: &Recipient,
) -> Result<(), Status> {
    let Some(limit) = caller.and_then(|caller| caller.send_to.as_deref()) else {
        return Ok(());
    };
    if is_listed(agent, limit, to).await || limit.known && has_written(agent, pages, to).await {
        return Ok(());
    }
    Err(status::other_recipient())
}

/// Asks WhatsApp for unknown LIDs if only they could show that `to` is in the limit.
async fn is_listed(agent: &Agent, limit: &SendTo, to: &Recipient) -> bool {
    let lists = || limit.lists(to, |phone| lid_of(agent, phone));
    if lists() {
        return true;
    }
    if matches!(to, Recipient::Group(_)) {
        return false;
    }
    let people = std::iter::once(to).chain(&limit.recipients);
    let numbers = people.filter_map(|recipient| match recipient {
        Recipient::Phone(phone) => Some(phone.clone()),
        Recipient::Lid(_) | Recipient::Group(_) => None,
    });
    let numbers: Vec<Phone> = numbers.collect();
    for numbers in numbers.chunks(MAX_NUMBERS_PER_QUERY) {
        agent.resolve(numbers).await;
        if lists() {
            return true;
        }
    }
    false
}

/// True if this chat has a message among the newest events.
async fn has_written(agent: &Agent, pages: &Pages, to: &Recipient) -> bool {
    let Some(messages) = messages_with(agent, to) else {
        return false;
    };
    let is_from_there = |what: &EventData| {
        matches!(what, EventData::Message(message) if !message.origin.from_me)
            && messages.passes(what, |jid| agent.other_name(jid))
    };
    any_of_newest(pages, agent.journal().range(), is_from_there).await
}

/// True if any of the newest events passes the filter. `head` and `oldest` are those of the journal.
async fn any_of_newest(
    pages: &Pages,
    (head, oldest): (Seq, Seq),
    fits: impl Fn(&EventData) -> bool,
) -> bool {
    let mut back = Backwards::new(head.next(), oldest, MAX_EVENTS_SCANNED);
    while let Some((events, _)) = back.next(pages).await {
        if events.iter().any(|event| fits(&event.what)) {
            return true;
        }
    }
    false
}

/// The filter for messages of this recipient's chat. `None` rather than a filter without a chat, which would pass all
/// messages.
fn messages_with(agent: &Agent, to: &Recipient) -> Option<Filter> {
    let mut filter = Filter {
        kinds: KindSet::of([Kind::Message]),
        ..Filter::default()
    };
    filter.chats.add(ChatId::from(to).jid()).ok()?;
    if let Recipient::Phone(phone) = to
        && let Some(lid) = lid_of(agent, phone)
    {
        filter.chats.add(&lid.jid()).ok()?;
    }
    Some(filter)
}

/// The current LID of a number. The number that a LID once had is not used: it may belong to someone else now.
fn lid_of(agent: &Agent, phone: &Phone) -> Option<Lid> {
    agent.allowlist().lid_of(phone)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use openclaw_state::journal::{Journal, Limits};
    use openclaw_state::vault::trial::Volume;
    use openclaw_types::{Link, LinkState};

    use super::*;

    fn link(state: LinkState) -> EventData {
        EventData::Link(Box::new(Link {
            state,
            since: SystemTime::UNIX_EPOCH,
            account: None,
            reason: None,
            code: None,
            expires_at: None,
            restriction: None,
        }))
    }

    #[tokio::test]
    async fn a_bounded_number_of_events_is_scanned() {
        let volume = Volume::new();
        let begin = SystemTime::UNIX_EPOCH;
        let journal = Journal::open(volume.vault.clone(), Limits::default(), begin);
        let journal = Arc::new(journal);
        let (pages, reading) = Pages::of(Arc::clone(&journal));
        tokio::spawn(reading);
        let looked_for = |what: &EventData| *what == link(LinkState::LoggedOut);
        assert!(!any_of_newest(&pages, journal.range(), looked_for).await);
        journal.append(link(LinkState::LoggedOut), begin);
        for _ in 1..MAX_EVENTS_SCANNED {
            journal.append(link(LinkState::Unlinked), begin);
        }
        journal.flush().await;
        assert!(any_of_newest(&pages, journal.range(), looked_for).await);
        journal.append(link(LinkState::Unlinked), begin);
        journal.flush().await;
        assert!(!any_of_newest(&pages, journal.range(), looked_for).await);
    }
}

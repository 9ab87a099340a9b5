//! The recipients that the rules allow (`allowTo`), and those that a limited client may send to: checked before anything is
//! done in a chat.

use openclaw_state::send_to::SendTo;
use openclaw_types::{EventData, Recipient, Seq};
use tonic::Status;

use super::list::Backwards;
use super::listen::Caller;
use super::status;
use super::watch::Pages;
use crate::link::{Agent, MAX_KNOWN_EVENTS};

/// Refuses a recipient that the rules do not allow, or that is not in the caller's limit.
pub(super) async fn check(
    agent: &Agent,
    pages: &Pages,
    caller: Option<&Caller>,
    to: &Recipient,
) -> Result<(), Status> {
    if let Some(limit) = agent.allowlist().send_to()
        && !allows(agent, pages, &limit, to).await
    {
        return Err(status::not_allowed_to());
    }
    if let Some(limit) = caller.and_then(|caller| caller.send_to.as_deref())
        && !allows(agent, pages, limit, to).await
    {
        return Err(status::other_recipient());
    }
    Ok(())
}

/// Refuses every recipient if the rules or the caller have a limit.
pub(super) fn check_unlimited(agent: &Agent, caller: Option<&Caller>) -> Result<(), Status> {
    if agent.allowlist().send_to().is_some() {
        return Err(status::not_allowed_to());
    }
    match caller.and_then(|caller| caller.send_to.as_deref()) {
        Some(_) => Err(status::other_recipient()),
        None => Ok(()),
    }
}

async fn allows(agent: &Agent, pages: &Pages, limit: &SendTo, to: &Recipient) -> bool {
    agent.lists(limit, to).await || limit.known && has_written(agent, pages, to).await
}

/// True if this chat has a message among the newest events.
async fn has_written(agent: &Agent, pages: &Pages, to: &Recipient) -> bool {
    let Some(messages) = agent.messages_from(to) else {
        return false;
    };
    let is_from_there = |what: &EventData| messages.contains(what);
    any_of_newest(pages, agent.journal().range(), is_from_there).await
}

/// True if any of the newest events passes the filter. `head` and `oldest` are those of the journal.
async fn any_of_newest(
    pages: &Pages,
    (head, oldest): (Seq, Seq),
    fits: impl Fn(&EventData) -> bool,
) -> bool {
    let mut back = Backwards::new(head.next(), oldest, MAX_KNOWN_EVENTS);
    while let Some((events, _)) = back.next(pages).await {
        if events.iter().any(|event| fits(&event.what)) {
            return true;
        }
    }
    false
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
        for _ in 1..MAX_KNOWN_EVENTS {
            journal.append(link(LinkState::Unlinked), begin);
        }
        journal.flush().await;
        assert!(any_of_newest(&pages, journal.range(), looked_for).await);
        journal.append(link(LinkState::Unlinked), begin);
        journal.flush().await;
        assert!(!any_of_newest(&pages, journal.range(), looked_for).await);
    }
}

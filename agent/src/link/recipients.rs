//! Checks a recipient against a limit of recipients, which lists people and groups, and may allow `known` chats.

use std::sync::Arc;

use openclaw_state::admission::Admission;
use openclaw_state::clock;
use openclaw_state::journal::{Journal, Pages};
use openclaw_state::outbox::{AttemptError, Delivery};
use openclaw_state::send_to::SendTo;
use openclaw_types::{ChatId, Event, EventData, Filter, Kind, KindSet, Lid, Phone, Recipient};
use openclaw_whatsapp::session::MAX_NUMBERS_PER_QUERY;
use openclaw_whatsapp::store::Store;
use tokio::sync::watch;

use super::doctor::resolve;
use super::{Agent, View};

/// A chat is `known` if one of this many newest events is a message from it. The API's documentation states the number.
const MAX_KNOWN_EVENTS: u64 = 20_000;

/// The state that decides whether a recipient is allowed.
pub(super) struct Recipients {
    view: watch::Receiver<View>,
    admission: Arc<Admission>,
    journal: Arc<Journal>,
    pages: Pages,
    store: Store,
}

impl Agent {
    /// Whether a limit allows this recipient. Asks WhatsApp for unknown LIDs if the answer depends on them.
    pub async fn allows(&self, limit: &SendTo, to: &Recipient) -> bool {
        self.recipients().allows(limit, to).await
    }

    pub(super) fn recipients(&self) -> Recipients {
        Recipients {
            view: self.view.clone(),
            admission: Arc::clone(&self.admission),
            journal: Arc::clone(&self.journal),
            pages: self.pages.clone(),
            store: self.store.clone(),
        }
    }
}

impl Recipients {
    /// Checks a queued message when it is its turn: the rules may have changed since it was accepted. Messages that were not
    /// queued were checked just before.
    pub(super) async fn check(&self, delivery: &Delivery) -> Result<(), AttemptError> {
        let Some(limit) = self
            .admission
            .allowlist()
            .send_to()
            .filter(|_| delivery.queued)
        else {
            return Ok(());
        };
        let to = &delivery.to;
        if self.allows(&limit, to).await {
            return Ok(());
        }
        let allowlist = self.admission.allowlist();
        match allowlist.knows_lids(&limit, to, clock::now()) {
            true => Err(AttemptError::NotAllowedTo),
            // WhatsApp did not answer, and the recipient may be listed by another number.
            false => Err(AttemptError::NotChecked(0)),
        }
    }

    async fn allows(&self, limit: &SendTo, to: &Recipient) -> bool {
        self.lists(limit, to).await || limit.known && self.has_written(to).await
    }

    pub(super) async fn lists(&self, limit: &SendTo, to: &Recipient) -> bool {
        let lists = || limit.lists(to, |phone| self.lid_of(phone));
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
            resolve(&self.view, self.admission.allowlist(), numbers).await;
            if lists() {
                return true;
            }
        }
        false
    }

    /// Whether a message from this chat is among the newest events.
    pub(super) async fn has_written(&self, to: &Recipient) -> bool {
        let Some(chat) = self.messages_in(to) else {
            return false;
        };
        let is_from_there = |event: &Event| {
            matches!(&event.what, EventData::Message(message) if !message.origin.from_me)
                && chat.passes(&event.what, |jid| self.store.other_name(jid))
        };
        let range = self.journal.range();
        self.pages
            .any_of_newest(range, MAX_KNOWN_EVENTS, is_from_there)
            .await
    }

    /// The filter for messages in this recipient's chat. `None` rather than a filter without a chat, which would pass all
    /// messages.
    fn messages_in(&self, to: &Recipient) -> Option<Filter> {
        let mut filter = Filter {
            kinds: KindSet::of([Kind::Message]),
            ..Filter::default()
        };
        filter.chats.add(ChatId::from(to).jid()).ok()?;
        if let Recipient::Phone(phone) = to
            && let Some(lid) = self.lid_of(phone)
        {
            filter.chats.add(&lid.jid()).ok()?;
        }
        Some(filter)
    }

    /// The current LID of a number. The number that a LID once had is not used: it may belong to someone else now.
    fn lid_of(&self, phone: &Phone) -> Option<Lid> {
        self.admission.allowlist().lid_of(phone)
    }
}

/// Hides people.
impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recipients").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use openclaw_state::journal::Limits;
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
        let looked_for = |event: &Event| event.what == link(LinkState::LoggedOut);
        let found = || pages.any_of_newest(journal.range(), MAX_KNOWN_EVENTS, looked_for);
        assert!(!found().await);
        journal.append(link(LinkState::LoggedOut), begin);
        for _ in 1..MAX_KNOWN_EVENTS {
            journal.append(link(LinkState::Unlinked), begin);
        }
        journal.flush().await;
        assert!(found().await);
        journal.append(link(LinkState::Unlinked), begin);
        journal.flush().await;
        assert!(!found().await);
    }
}

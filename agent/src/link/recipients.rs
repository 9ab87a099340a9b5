//! Whether a limit of recipients allows one: it lists people and groups, and may allow `known` chats.

use std::sync::Arc;

use openclaw_state::admission::Admission;
use openclaw_state::clock;
use openclaw_state::journal::Journal;
use openclaw_state::outbox::{AttemptError, Delivery};
use openclaw_state::send_to::SendTo;
use openclaw_types::{ChatId, EventData, Filter, Kind, KindSet, Lid, Phone, Recipient, Seq};
use openclaw_whatsapp::session::MAX_NUMBERS_PER_QUERY;
use openclaw_whatsapp::store::Store;
use tokio::sync::watch;

use super::doctor::resolve;
use super::{Agent, View};

/// Within how many of the newest events a message makes its chat `known`. The contract names the number.
pub const MAX_KNOWN_EVENTS: u64 = 20_000;

const EVENTS_PER_PAGE: usize = 32;

/// The state that decides whether a recipient is allowed.
pub(super) struct Recipients {
    view: watch::Receiver<View>,
    admission: Arc<Admission>,
    journal: Arc<Journal>,
    store: Store,
}

/// The messages of others in one chat.
#[derive(Debug)]
pub struct MessagesFrom {
    filter: Filter,
    store: Store,
}

impl Agent {
    /// Whether a limit names this recipient. Asks WhatsApp for LIDs that are not known, where only they could show it.
    pub async fn lists(&self, limit: &SendTo, to: &Recipient) -> bool {
        self.recipients().lists(limit, to).await
    }

    /// The messages that make this recipient `known`. `None` if its address cannot be a filter.
    #[must_use]
    pub fn messages_from(&self, to: &Recipient) -> Option<MessagesFrom> {
        self.recipients().messages_from(to)
    }

    pub(super) fn recipients(&self) -> Recipients {
        Recipients {
            view: self.view.clone(),
            admission: Arc::clone(&self.admission),
            journal: Arc::clone(&self.journal),
            store: self.store.clone(),
        }
    }
}

impl MessagesFrom {
    /// Whether this event is one.
    #[must_use]
    pub fn contains(&self, what: &EventData) -> bool {
        let received = matches!(what, EventData::Message(message) if !message.origin.from_me);
        received && self.filter.passes(what, |jid| self.store.other_name(jid))
    }
}

impl Recipients {
    /// Checks a queued message when it leaves: the rules may have changed since it was accepted. Others were checked just
    /// before.
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
        if self.lists(&limit, to).await || limit.known && self.has_written(to).await {
            return Ok(());
        }
        let allowlist = self.admission.allowlist();
        match allowlist.knows_lids(&limit, to, clock::now()) {
            true => Err(AttemptError::NotAllowedTo),
            // WhatsApp did not answer, and the recipient may be listed by another number.
            false => Err(AttemptError::NotChecked(0)),
        }
    }

    async fn lists(&self, limit: &SendTo, to: &Recipient) -> bool {
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

    /// `None` rather than a filter without a chat, which would pass all messages.
    fn messages_from(&self, to: &Recipient) -> Option<MessagesFrom> {
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
        let store = self.store.clone();
        Some(MessagesFrom { filter, store })
    }

    /// Whether a message from this chat is among the newest events.
    pub(super) async fn has_written(&self, to: &Recipient) -> bool {
        let Some(messages) = self.messages_from(to) else {
            return false;
        };
        let (Seq(head), _) = self.journal.range();
        let mut cursor = Seq(head.saturating_sub(MAX_KNOWN_EVENTS));
        while cursor.0 < head {
            let page = self.journal.read(cursor, EVENTS_PER_PAGE);
            if page
                .events
                .iter()
                .any(|event| messages.contains(&event.what))
            {
                return true;
            }
            if page.cursor <= cursor {
                break;
            }
            cursor = page.cursor;
            tokio::task::yield_now().await;
        }
        false
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

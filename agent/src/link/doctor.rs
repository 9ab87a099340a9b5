//! Diagnoses why a sender's messages arrive or not: checks every step between sender and client, in order.

use std::time::{Duration, SystemTime};

mod findings;
mod linking;
mod way;

use openclaw_state::allow::{Allowlist, Verdict};
use openclaw_state::clock;
use openclaw_types::{
    ChatId, Contact, Event, EventData, Finding, Lid, MessageId, Phone, Recipient, Seq,
};
use openclaw_whatsapp::session::{MAX_NUMBERS_PER_QUERY, Named, QueryError};
use tokio::sync::watch;

use self::findings::{
    alerts, by_lid_alone, clock as clock_finding, events, hold, link, person, restriction, rules,
    storage, waiting,
};
use self::way::{network, unused_proxies};
use super::resolver::connected;
use super::{Agent, View};

/// How many events are scanned per page, and in total.
const EVENTS_PER_PAGE: usize = 500;
const MAX_EVENTS_SCANNED: usize = 100_000;
/// WhatsApp answers within seconds, or not at all.
pub(super) const QUERY_TIMEOUT: Duration = Duration::from_secs(15);
/// The timeout of a query whose caller can continue without an answer.
const OPTIONAL_QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// A group that no rule names.
const SOME_GROUP: &str = "0@g.us";

/// What the events show about one person.
#[derive(Debug, Default, PartialEq, Eq)]
struct EventSummary {
    /// Their last message.
    last: Option<(Seq, SystemTime)>,
    dropped: usize,
    /// The last dropped message, with the reason.
    last_drop: Option<(Seq, SystemTime, String)>,
    /// Ids of messages that could not be decrypted and were not delivered again.
    undecryptable: Vec<String>,
    lost: usize,
    /// How many events were scanned.
    scanned: usize,
}

/// The facts about one person.
struct Person<'a> {
    phone: &'a Phone,
    /// WhatsApp's answer; `None` while not connected.
    asked: Option<Result<Named, QueryError>>,
    lid: Option<Lid>,
    direct: Verdict,
    by_lid: Option<Verdict>,
    in_groups: Verdict,
    held: usize,
    summary: EventSummary,
    /// Whether the account may write to them; `None` where the rules do not limit that.
    may_write: Option<MayWrite>,
}

/// Whether the rules let the account write to someone.
enum MayWrite {
    Listed,
    /// They have `known`, and the chat is.
    Known,
    /// They have `known`, and the chat is not.
    IfKnown,
    No,
}

/// The facts about a LID whose number is unknown.
struct Nameless {
    direct: Verdict,
    in_groups: Verdict,
    held: usize,
    summary: EventSummary,
}

impl Agent {
    /// Reports the agent's health, and what happens to a person's messages.
    pub async fn diagnose(&self, who: Option<Contact>) -> Vec<Finding> {
        let now = clock::now();
        self.journal.examine(true).await;
        let status = self.status();
        let mut findings = vec![link(&status, now), storage(status.storage.as_ref())];
        findings.extend(events(&status));
        findings.extend(hold(&status));
        findings.extend(restriction(&status));
        findings.extend(alerts(&status.alerts, clock::wall()));
        findings.extend(network(&status.network, status.is_connected(now)));
        findings.extend(unused_proxies(&status.network, self.alerts.is_by_proxy()));
        findings.extend(rules(&status.rules));
        findings.extend(waiting(&status));
        findings.extend(clock_finding(status.steps, now));
        let Some(who) = who else {
            return findings;
        };
        let number = || self.allowlist().number_of(who.lid.as_ref()?);
        if let Some(phone) = who.phone.clone().or_else(number) {
            let found = self.inspect(&phone).await;
            let mut found = person(&found, &status.rules, clock::wall());
            if who.phone.is_none() {
                // The caller gave a LID, so the number may not be known to them.
                for finding in &mut found {
                    finding.text = finding.text.replace(&phone.to_string(), &phone.e164());
                }
            }
            findings.extend(found);
        } else {
            let nameless = self.inspect_nameless(&who).await;
            findings.extend(by_lid_alone(&nameless, &status.rules, clock::wall()));
        }
        findings
    }

    /// Asks WhatsApp for the LIDs of numbers without a known one, while connected. Waits only briefly for the answer.
    pub async fn resolve(&self, phones: &[Phone]) {
        resolve(&self.view, self.allowlist(), phones).await;
    }

    /// For a LID without a known number: WhatsApp offers no lookup from LID to number.
    async fn inspect_nameless(&self, contact: &Contact) -> Nameless {
        let now = clock::now();
        let judge = |chat: &str| {
            let chat = ChatId::new(chat.to_owned());
            self.allowlist().judge(contact, &chat, false, now)
        };
        Nameless {
            direct: judge(""),
            in_groups: judge(SOME_GROUP),
            held: self.admission.count_held_of(contact),
            summary: self.summary(contact).await,
        }
    }

    async fn inspect<'a>(&self, phone: &'a Phone) -> Person<'a> {
        let session = connected(&self.view.borrow());
        let asked = match session {
            Some(session) => {
                let answer = tokio::time::timeout(QUERY_TIMEOUT, session.name(phone)).await;
                Some(answer.unwrap_or(Err(QueryError::ConnectionLost)))
            }
            None => None,
        };
        let now = clock::now();
        if let Some(Ok(Named { lid, .. })) = &asked {
            self.allowlist()
                .learn(vec![(phone.clone(), lid.clone())], now);
            self.admission.settle(now, false);
        }
        let answered = asked
            .as_ref()
            .and_then(|asked| asked.as_ref().ok()?.lid.clone());
        let lid = answered.or_else(|| self.allowlist().lid_of(phone));
        // By the number alone; the allowlist adds the known LID, as it does for a message.
        let contact = Contact {
            phone: Some(phone.clone()),
            lid: None,
        };
        let judge = |contact: &Contact, chat: &str| {
            let chat = ChatId::new(chat.to_owned());
            self.allowlist().judge(contact, &chat, false, now)
        };
        let by_lid = lid.as_ref().map(|lid| Contact {
            phone: None,
            lid: Some(lid.clone()),
        });
        Person {
            phone,
            direct: judge(&contact, ""),
            by_lid: by_lid.map(|contact| judge(&contact, "")),
            in_groups: judge(&contact, SOME_GROUP),
            held: self.admission.count_held_of(&contact),
            summary: self.summary(&contact).await,
            may_write: self.may_write(phone).await,
            asked,
            lid,
        }
    }

    async fn may_write(&self, phone: &Phone) -> Option<MayWrite> {
        let limit = self.allowlist().send_to()?;
        let to = Recipient::Phone(phone.clone());
        Some(if self.recipients().lists(&limit, &to).await {
            MayWrite::Listed
        } else if !limit.known {
            MayWrite::No
        } else if self.recipients().has_written(&to).await {
            MayWrite::Known
        } else {
            MayWrite::IfKnown
        })
    }

    async fn summary(&self, contact: &Contact) -> EventSummary {
        let mut summary = EventSummary::default();
        let mut after = Seq(0);
        while summary.scanned < MAX_EVENTS_SCANNED {
            let page = self.journal.read(after, EVENTS_PER_PAGE);
            if page.events.is_empty() {
                break;
            }
            summary.scanned += page.events.len();
            after = page.cursor;
            for event in page.events {
                summary.add(event, |sender| self.allowlist().is_same(sender, contact));
            }
            tokio::task::yield_now().await;
        }
        summary
    }
}

/// See [`Agent::resolve`].
pub(super) async fn resolve(view: &watch::Receiver<View>, allowlist: &Allowlist, phones: &[Phone]) {
    let now = clock::now();
    let unknown = phones
        .iter()
        .filter(|phone| !allowlist.is_known(phone, now));
    let unknown: Vec<Phone> = unknown.cloned().collect();
    for phones in unknown.chunks(MAX_NUMBERS_PER_QUERY) {
        let Some(session) = connected(&view.borrow()) else {
            return;
        };
        let answer = tokio::time::timeout(OPTIONAL_QUERY_TIMEOUT, session.lids_of(phones)).await;
        match answer {
            Ok(Ok(lids)) => allowlist.learn(lids, clock::now()),
            _ => return,
        }
    }
}

impl EventSummary {
    fn add(&mut self, Event { seq, at, what }: Event, theirs: impl Fn(&Contact) -> bool) {
        match what {
            EventData::Message(message) if theirs(&message.origin.sender) => {
                self.arrived(&message.origin.id);
                self.last = Some((seq, at));
            }
            // Delivered again and decrypted, whatever its content.
            EventData::Edit(edit) if theirs(&edit.origin.sender) => self.arrived(&edit.origin.id),
            EventData::Deletion(deletion) if theirs(&deletion.origin.sender) => {
                self.arrived(&deletion.origin.id);
            }
            EventData::Reaction(reaction) if theirs(&reaction.origin.sender) => {
                self.arrived(&reaction.origin.id);
            }
            EventData::Dropped(dropped) if theirs(&dropped.sender) => {
                self.arrived(&dropped.id);
                self.dropped += 1;
                self.last_drop = Some((seq, at, dropped.reason.into()));
            }
            EventData::Undecryptable(message) if theirs(&message.sender) => {
                self.undecryptable.push(message.id.as_str().to_owned());
            }
            EventData::Lost(lost) if theirs(&lost.sender) => self.lost += 1,
            _ => {}
        }
    }

    fn arrived(&mut self, id: &MessageId) {
        self.undecryptable.retain(|missing| missing != id.as_str());
    }
}

#[cfg(test)]
mod tests {
    use openclaw_types::{
        AuthorCheck, Content, Deletion, DropReason, Dropped, Edit, Message, Origin, Reaction,
        Undecryptable, UndecryptableReason,
    };

    use super::*;

    fn origin(id: &str) -> Origin {
        Origin {
            id: MessageId::new(id),
            chat: ChatId::of_jid("1@lid"),
            sender: Contact::of_jid("1@lid"),
            push_name: String::new(),
            sent_at: SystemTime::UNIX_EPOCH,
            from_me: false,
            group: false,
            offline: false,
            bypassed: false,
            recovered: false,
        }
    }

    fn undecryptable(id: &str) -> EventData {
        EventData::Undecryptable(Undecryptable {
            id: MessageId::new(id),
            chat: ChatId::of_jid("1@lid"),
            sender: Contact::of_jid("1@lid"),
            from_me: Some(false),
            sent_at: None,
            offline: None,
            reason: UndecryptableReason::NotDecrypted,
        })
    }

    /// Every event that a second delivery of message `1` can become.
    fn again() -> Vec<EventData> {
        let (message, author) = (MessageId::new("0"), Contact::default());
        let (content, check) = (Content::default(), AuthorCheck::Checked);
        vec![
            EventData::Message(Box::new(Message {
                origin: origin("1"),
                content: content.clone(),
            })),
            EventData::Edit(Box::new(Edit {
                origin: origin("1"),
                message: message.clone(),
                content,
                author: author.clone(),
                check,
            })),
            EventData::Deletion(Box::new(Deletion {
                origin: origin("1"),
                message: message.clone(),
                author: author.clone(),
                check,
            })),
            EventData::Reaction(Box::new(Reaction {
                origin: origin("1"),
                message,
                author,
                emoji: String::new(),
                sealed: false,
                check,
            })),
            EventData::Dropped(Dropped {
                id: MessageId::new("1"),
                chat: ChatId::of_jid("1@lid"),
                sender: Contact::of_jid("1@lid"),
                from_me: Some(false),
                sent_at: None,
                offline: None,
                reason: DropReason::NotListed,
            }),
        ]
    }

    #[test]
    fn a_message_delivered_again_is_no_longer_undecryptable() {
        for what in again() {
            let mut summary = EventSummary::default();
            for what in [undecryptable("1"), undecryptable("2"), what] {
                let (seq, at) = (Seq(1), SystemTime::UNIX_EPOCH);
                summary.add(Event { seq, at, what }, |_| true);
            }
            assert_eq!(summary.undecryptable, ["2"]);
        }
    }
}

//! What WhatsApp says of numbers: which LID each in the rules has, and each that a sender is known by alone.
//!
//! Every question is answered without looking at all numbers: by number, by LID, and whether any is yet to be asked for.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use openclaw_types::{Contact, Lid, Phone};

use super::Book;
use crate::allow::policy::{Index, Sender};

/// For how long WhatsApp's answer about a number's LID counts. People keep theirs; numbers change hands.
const LID_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
/// From when on it is asked for again, so that an agent that is connected never has to wait for it.
const LID_RENEWAL_AGE: Duration = Duration::from_secs(12 * 3600);
/// How many numbers of senders are kept who are not in the rules.
const MAX_SENDERS: usize = 2_000;
/// How many numbers are handed out to be asked about in one go.
pub(super) const MAX_ASKED: usize = 1_000;

/// What is known of a number's LID.
#[derive(Clone, Debug, Default)]
struct Answer {
    lid: Option<Lid>,
    /// When WhatsApp said so; `None` when that is too long ago, or never was.
    at: Option<SystemTime>,
}

/// The answers.
#[derive(Default)]
pub(super) struct Numbers {
    /// Of the numbers in the rules.
    listed: HashMap<Phone, Answer>,
    /// Those among them that have a LID. Two spellings of a number have the same.
    by_lid: HashMap<Lid, Vec<Phone>>,
    /// How many of them have no answer that counts.
    unanswered: usize,
    /// No answer that counts is older. May be earlier than the oldest is.
    oldest: Option<SystemTime>,
    /// Of numbers that are not in the rules, by which senders are known alone.
    senders: HashMap<Phone, Answer>,
    /// How many answers were looked through to find old ones: for tests.
    #[cfg(test)]
    pub(super) looked_through: usize,
}

/// Every name of a sender.
pub(super) struct Person {
    phones: Vec<Phone>,
    lid: Option<Lid>,
    /// Whether WhatsApp must be asked for the LID of the number that the sender is known by alone.
    unknown: bool,
}

impl Numbers {
    /// Forgets numbers that are in no rule any more, and takes up those that are new.
    pub(super) fn follow(&mut self, index: &Index) {
        let mut before = std::mem::take(&mut self.listed);
        let mut senders = std::mem::take(&mut self.senders);
        self.by_lid.clear();
        self.unanswered = 0;
        self.oldest = None;
        self.listed.reserve(index.numbers().size_hint().0);
        for phone in index.numbers() {
            if self.listed.contains_key(phone) {
                continue;
            }
            let known = before.remove(phone).or_else(|| senders.remove(phone));
            let answer = known.unwrap_or_default();
            self.note(phone, &answer);
            self.listed.insert(phone.clone(), answer);
        }
        self.senders = senders;
    }

    /// Accounts for an answer about a number in the rules.
    fn note(&mut self, phone: &Phone, answer: &Answer) {
        match answer.at {
            None => self.unanswered += 1,
            Some(at) => self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at))),
        }
        if let Some(lid) = &answer.lid {
            // Nearly always the only one.
            let phones = self.by_lid.entry(lid.clone());
            let phones = phones.or_insert_with(|| Vec::with_capacity(1));
            phones.push(phone.clone());
        }
    }

    /// Which LID a number has, as WhatsApp says now; `None` when it knows of none.
    pub(super) fn learn(&mut self, phone: Phone, lid: Option<Lid>, now: SystemTime) {
        let answer = Answer { lid, at: Some(now) };
        let Some(before) = self.listed.get(&phone).cloned() else {
            self.make_room(&phone);
            self.senders.insert(phone, answer);
            return;
        };
        if before.at.is_none() {
            self.unanswered -= 1;
        }
        if let Some(lid) = &before.lid
            && let Some(phones) = self.by_lid.get_mut(lid)
        {
            phones.retain(|other| *other != phone);
            if phones.is_empty() {
                self.by_lid.remove(lid);
            }
        }
        self.note(&phone, &answer);
        self.listed.insert(phone, answer);
    }

    /// A message that shows a number and a LID is as good as an answer about the number. True when that is news about
    /// someone in the rules, or about a sender who waits for it.
    pub(super) fn learn_sender(&mut self, sender: &Contact, now: SystemTime) -> bool {
        let (Some(phone), Some(lid)) = (&sender.phone, &sender.lid) else {
            return false;
        };
        let known = self.listed.get(phone).or_else(|| self.senders.get(phone));
        let Some(answer) = known else {
            return false;
        };
        let news = !answer.counts(now) || answer.lid.as_ref() != Some(lid);
        self.learn(phone.clone(), Some(lid.clone()), now);
        news
    }

    /// Numbers that WhatsApp should be asked about, at most [`MAX_ASKED`]: those that messages wait for come first.
    pub(super) fn unresolved(&self, now: SystemTime) -> Vec<Phone> {
        let senders = self.senders.iter();
        let senders = senders.filter(|(_, answer)| answer.at.is_none());
        let listed = self
            .listed
            .iter()
            .filter(|(_, answer)| answer.at.is_none_or(|at| age(at, now) > LID_RENEWAL_AGE));
        let all = senders.chain(listed).map(|(phone, _)| phone.clone());
        all.take(MAX_ASKED).collect()
    }

    /// How many numbers in the rules have no answer that counts.
    pub(super) fn count_unanswered(&mut self, now: SystemTime) -> usize {
        // Looked through only when an answer may have become too old, and each answer becomes so once.
        if self
            .oldest
            .is_some_and(|oldest| age(oldest, now) > LID_MAX_AGE)
        {
            self.oldest = None;
            #[cfg(test)]
            {
                self.looked_through += self.listed.len();
            }
            for answer in self.listed.values_mut() {
                match answer.at {
                    Some(at) if age(at, now) > LID_MAX_AGE => {
                        answer.at = None;
                        self.unanswered += 1;
                    }
                    Some(at) => {
                        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
                    }
                    None => {}
                }
            }
        }
        self.unanswered
    }

    /// How many numbers of senders are kept.
    #[cfg(test)]
    pub(super) fn count_senders(&self) -> usize {
        self.senders.len()
    }

    /// The LID of a number, as far as WhatsApp's answers go.
    pub(super) fn lid_of(&self, phone: &Phone) -> Option<&Lid> {
        let answer = self.listed.get(phone).or_else(|| self.senders.get(phone));
        answer.and_then(|answer| answer.lid.as_ref())
    }

    /// Whether WhatsApp's answer about a number counts still.
    pub(super) fn is_answered(&self, phone: &Phone, now: SystemTime) -> bool {
        self.answer(phone, now).is_some()
    }

    /// Everything that is known of a sender: what the message shows, what WhatsApp answered, and what `book` remembers
    /// of times before. An answer counts for more than a memory.
    pub(super) fn person(&self, sender: &Contact, book: &dyn Book, now: SystemTime) -> Person {
        let mut unknown = false;
        let lid = match (&sender.lid, &sender.phone) {
            (Some(lid), _) => Some(lid.clone()),
            (None, Some(phone)) => match self.answer(phone, now) {
                Some(answer) => answer.lid.clone(),
                None => {
                    let lid = self.lid_of(phone).cloned();
                    let lid = lid.or_else(|| book.lid_of(phone));
                    unknown = lid.is_none();
                    lid
                }
            },
            (None, None) => None,
        };
        let mut phones: Vec<Phone> = sender.phone.clone().into_iter().collect();
        if let Some(lid) = &lid {
            phones.extend(self.by_lid.get(lid).into_iter().flatten().cloned());
            let remembered = book.number_of(lid).filter(|phone| {
                let answer = self.answer(phone, now);
                answer.is_none_or(|answer| answer.lid.as_ref() == Some(lid))
            });
            phones.extend(remembered);
        }
        Person {
            phones,
            lid,
            unknown,
        }
    }

    /// Has WhatsApp asked about the number that a sender is known by alone.
    pub(super) fn ask_about(&mut self, sender: &Contact) {
        let (Some(phone), None) = (&sender.phone, &sender.lid) else {
            return;
        };
        if !self.listed.contains_key(phone) {
            self.make_room(phone);
            self.senders.entry(phone.clone()).or_default().at = None;
        }
    }

    /// The answer that counts.
    fn answer(&self, phone: &Phone, now: SystemTime) -> Option<&Answer> {
        let answer = self.listed.get(phone).or_else(|| self.senders.get(phone));
        answer.filter(|answer| answer.counts(now))
    }

    /// Answers about senders are given up all at once: a sender who writes again is asked for again.
    fn make_room(&mut self, phone: &Phone) {
        if self.senders.len() < MAX_SENDERS || self.senders.contains_key(phone) {
            return;
        }
        self.senders.retain(|_, answer| answer.at.is_none());
        if self.senders.len() >= MAX_SENDERS {
            self.senders.clear();
        }
    }
}

impl Answer {
    fn counts(&self, now: SystemTime) -> bool {
        self.at.is_some_and(|at| age(at, now) <= LID_MAX_AGE)
    }
}

impl Person {
    /// As the rules judge them. `all_answered` says that the LID of every number in the rules is known.
    pub(super) fn sender(&self, all_answered: bool) -> Sender<'_> {
        let nameless = self.lid.is_none() && !self.unknown;
        Sender {
            phones: self.phones.iter().collect(),
            lid: self.lid.as_ref(),
            is_resolved: nameless || (all_answered && !self.unknown),
        }
    }

    /// Whether WhatsApp must be asked who this is.
    pub(super) const fn is_unknown(&self) -> bool {
        self.unknown
    }
}

fn age(at: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or_default()
}

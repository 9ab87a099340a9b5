//! WhatsApp's answers about numbers: the LID of each number in the rules, and of each sender who is known only by
//! number.
//!
//! Every query is answered by lookup (by number, by LID, whether any number is unanswered), never by a scan over all
//! numbers.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use openclaw_types::{Contact, Lid, Phone};

use super::Book;
use crate::allow::policy::{Index, Sender};

/// How long WhatsApp's answer about a number is valid. People keep their LIDs, but numbers change owners.
const LID_MAX_AGE: Duration = Duration::from_secs(24 * 3600);
/// The age at which an answer is renewed, so that a connected agent never has to wait for it.
const LID_RENEWAL_AGE: Duration = Duration::from_secs(12 * 3600);
/// The maximum number of unlisted senders' numbers in memory.
const MAX_SENDERS: usize = 2_000;
/// The maximum number of numbers in one lookup.
pub(super) const MAX_ASKED: usize = 1_000;

/// The answer about a number's LID.
#[derive(Clone, Debug, Default)]
struct Answer {
    lid: Option<Lid>,
    /// When WhatsApp gave the answer; `None` if it has expired or there was none.
    at: Option<SystemTime>,
}

/// The answers.
#[derive(Default)]
pub(super) struct Numbers {
    /// Answers about the numbers in the rules.
    listed: HashMap<Phone, Answer>,
    /// The listed numbers that have a LID, by LID. Two spellings of one number have the same LID.
    by_lid: HashMap<Lid, Vec<Phone>>,
    /// How many listed numbers have no valid answer.
    unanswered: usize,
    /// A lower bound for the time of the oldest valid answer.
    oldest: Option<SystemTime>,
    /// Answers about unlisted numbers of senders who are known only by number.
    senders: HashMap<Phone, Answer>,
    /// How many answers were examined in the search for expired ones: for tests.
    #[cfg(test)]
    pub(super) looked_through: usize,
}

/// All known addresses of a sender.
pub(super) struct Person {
    phones: Vec<Phone>,
    lid: Option<Lid>,
    /// True if WhatsApp must be asked for the LID of the sender's number.
    unknown: bool,
}

impl Numbers {
    /// Removes numbers that are no longer in the rules, and adds new ones.
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

    /// Updates the indexes for an answer about a listed number.
    fn note(&mut self, phone: &Phone, answer: &Answer) {
        match answer.at {
            None => self.unanswered += 1,
            Some(at) => self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at))),
        }
        if let Some(lid) = &answer.lid {
            // Nearly always just one number.
            let phones = self.by_lid.entry(lid.clone());
            let phones = phones.or_insert_with(|| Vec::with_capacity(1));
            phones.push(phone.clone());
        }
    }

    /// Records the LID that WhatsApp reported for a number; `None` if it knows none.
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

    /// A message that shows a number and a LID is as good as an answer about the number. Returns true if this is new
    /// for someone in the rules, or for a sender with held messages.
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

    /// The numbers to look up, at most [`MAX_ASKED`]; those of held senders come first.
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

    /// How many listed numbers have no valid answer.
    pub(super) fn count_unanswered(&mut self, now: SystemTime) -> usize {
        // Scans only if an answer may have expired, and each answer expires only once.
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

    /// The number of unlisted senders in memory.
    #[cfg(test)]
    pub(super) fn count_senders(&self) -> usize {
        self.senders.len()
    }

    /// The LID of a number, according to WhatsApp's answers.
    pub(super) fn lid_of(&self, phone: &Phone) -> Option<&Lid> {
        let answer = self.listed.get(phone).or_else(|| self.senders.get(phone));
        answer.and_then(|answer| answer.lid.as_ref())
    }

    /// True if there is a valid answer about a number.
    pub(super) fn is_answered(&self, phone: &Phone, now: SystemTime) -> bool {
        self.answer(phone, now).is_some()
    }

    /// All known addresses of a sender: from the message, from WhatsApp's answers, and from `book`. An answer takes
    /// precedence over `book`.
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

    /// Requests a lookup of the sender's number.
    pub(super) fn ask_about(&mut self, sender: &Contact) {
        let (Some(phone), None) = (&sender.phone, &sender.lid) else {
            return;
        };
        if !self.listed.contains_key(phone) {
            self.make_room(phone);
            self.senders.entry(phone.clone()).or_default().at = None;
        }
    }

    /// The valid answer about a number.
    fn answer(&self, phone: &Phone, now: SystemTime) -> Option<&Answer> {
        let answer = self.listed.get(phone).or_else(|| self.senders.get(phone));
        answer.filter(|answer| answer.counts(now))
    }

    /// Removes all answers about unlisted senders at once: a sender who writes again is looked up again.
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
    /// The sender in the form that the rules judge. `all_answered` means that the LID of every number in the rules is
    /// known.
    pub(super) fn sender(&self, all_answered: bool) -> Sender<'_> {
        let nameless = self.lid.is_none() && !self.unknown;
        Sender {
            phones: self.phones.iter().collect(),
            lid: self.lid.as_ref(),
            is_resolved: nameless || (all_answered && !self.unknown),
        }
    }

    /// True if WhatsApp must be asked for this sender's LID.
    pub(super) const fn is_unknown(&self) -> bool {
        self.unknown
    }
}

fn age(at: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(at).unwrap_or_default()
}

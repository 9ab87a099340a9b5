//! The votes in a poll, counted from the journal. Its index has no votes of a poll, so the events since the poll are read,
//! newest first.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, SystemTime};

use openclaw_state::journal::{Backwards, Written};
use openclaw_state::people::People as _;
use openclaw_types::{
    Body, ChatId, Contact, Event, EventData, Message, MessageId, MessageRef, Poll, SendOutcome,
    SendState, Seq, Vote,
};
use openclaw_whatsapp::session::{OwnVote, PollToCount, own_vote};

use super::targets::Found;
use super::{Agent, TargetError};

/// How many events one count reads, as many as ten pages of ListEvents. A journal of the default size has some 200,000.
const MAX_EVENTS_SCANNED: u64 = 100_000;
/// The maximum number of people whose votes are counted: a group has up to 1,024.
const MAX_VOTERS: usize = 4_096;
/// The maximum number of people that are listed, over all options: a response has at most 4 MiB.
const MAX_LISTED: usize = 8_192;

/// How much WhatsApp's clock, by which a poll has its time, may be ahead of the clock of the events.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(3600);

/// The votes in a poll.
#[derive(Clone, PartialEq, Eq)]
pub struct PollResults {
    /// The question.
    pub question: String,
    /// The maximum number of options that may be selected; 0 for no limit.
    pub selectable: u32,
    /// The options, in the order of the poll.
    pub options: Vec<OptionResult>,
    /// How many people have a vote.
    pub voters: usize,
    /// How many people have a newer vote that could not be decrypted.
    pub sealed: usize,
    /// Why votes may be missing.
    pub incomplete: BTreeSet<Incomplete>,
}

/// The votes for one option.
#[derive(Clone, PartialEq, Eq)]
pub struct OptionResult {
    /// Its text.
    pub name: String,
    /// How many people have selected it.
    pub votes: usize,
    /// Who has, in the order of their votes; possibly not all.
    pub voters: Vec<Contact>,
}

/// Why votes may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Incomplete {
    /// Someone's last vote could not be decrypted.
    SealedVotes,
    /// Events since the poll are no longer kept.
    EventsGone,
    /// Events since the poll are damaged.
    EventsDamaged,
    /// Too many events since the poll, or too many voters.
    TooMany,
    /// The content of messages that the account has sent to this chat is no longer stored.
    OwnMessagesGone,
}

/// Hides the texts and the people.
impl std::fmt::Debug for PollResults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PollResults")
            .field("voters", &self.voters)
            .field("incomplete", &self.incomplete)
            .finish_non_exhaustive()
    }
}

impl Agent {
    /// Counts the votes in a poll.
    pub async fn poll_results(&self, of: &MessageRef) -> Result<PollResults, TargetError> {
        let found = self.find(of)?;
        let poll = found.poll()?.clone();
        let account = self.store.account().unwrap_or_default();
        let author = match found.ours {
            true => &account,
            false => &found.author,
        };
        let chat = self.store.canonical(ChatId::from(&found.to));
        let mut tally = Tally::default();
        let _turn = self.poll_turn.lock().await;
        let (head, oldest) = self.journal.range();
        // A vote may be recorded before its poll, which was held or had to be sent again: the events are read back to a time.
        let sent_at = found.sent_at.unwrap_or(SystemTime::UNIX_EPOCH);
        let begin = sent_at.checked_sub(MAX_CLOCK_DIFFERENCE).unwrap_or(sent_at);
        let mut has_begin = false;
        let asked = PollToCount {
            chat: &chat,
            id: &found.id,
            author,
            options: &poll.options,
        };
        let mut back = Backwards::new(head.next(), oldest, MAX_EVENTS_SCANNED);
        while !has_begin && let Some(window) = back.next(&self.pages).await {
            has_begin = window.events.iter().any(|event| event.at < begin);
            if !window.damaged.is_empty() {
                tally.incomplete.insert(Incomplete::EventsDamaged);
            }
            for event in window.events {
                self.count(&mut tally, asked, event);
            }
        }
        if !has_begin && back.rest().is_some() {
            tally.incomplete.insert(Incomplete::TooMany);
        }
        // Everything since the poll is there if the poll is: events are removed from the oldest on.
        if !has_begin && !self.has_event_of(&found, &chat) {
            tally.incomplete.insert(Incomplete::EventsGone);
        }
        Ok(tally.results(poll, &account))
    }

    /// Adds a vote in this poll, if the event is one.
    fn count(&self, tally: &mut Tally, poll: PollToCount<'_>, event: Event) {
        match event.what {
            EventData::Message(message) => {
                let Message { origin, content } = *message;
                let Body::PollVote(vote) = content.body else {
                    return;
                };
                if is_in(&vote, poll) && self.store.canonical(origin.chat) == *poll.chat {
                    let at = (origin.sent_at, event.seq);
                    let voter = match origin.from_me {
                        true => None,
                        false => Some(self.store.resolve_contact(origin.sender)),
                    };
                    tally.add(voter, at, vote.options);
                }
            }
            EventData::Outcome(outcome) => self.count_own(tally, poll, event.seq, outcome),
            _ => {}
        }
    }

    /// Adds a vote that was sent with Send: the journal has only its outcomes.
    fn count_own(&self, tally: &mut Tally, poll: PollToCount<'_>, seq: Seq, outcome: SendOutcome) {
        let SendOutcome { sent, chat } = outcome;
        let reached = sent.state > SendState::Accepted && sent.state != SendState::Failed;
        if !reached || self.store.canonical(chat) != *poll.chat || sent.id == *poll.id {
            return;
        }
        let Some(at) = sent.server_ack_at else {
            return;
        };
        // Read backwards: the first outcome of a message is the last one here, and has the position of the vote.
        if let Some((known, _)) = tally.own.get_mut(&sent.id) {
            *known = (at, seq);
            return;
        }
        let options = match own_vote(&self.store, poll, &sent.id) {
            OwnVote::Other => return,
            OwnVote::Unknown => {
                tally.unknown_own = tally.unknown_own.max(Some(at));
                return;
            }
            OwnVote::Sealed => None,
            OwnVote::For(options) => Some(options),
        };
        tally.own.insert(sent.id, ((at, seq), options));
    }

    /// Whether the journal has the poll.
    fn has_event_of(&self, found: &Found, chat: &ChatId) -> bool {
        let is_it = |event: &Event| {
            let written = Written::of(&event.what, &found.id);
            written
                .is_some_and(|it| it.ours == found.ours && self.store.canonical(it.chat) == *chat)
        };
        self.journal.events_of(&found.id).iter().any(is_it)
    }
}

/// Whether a vote is in this poll: others may have sent a message with the same id.
fn is_in(vote: &Vote, poll: PollToCount<'_>) -> bool {
    let author = &vote.target.author;
    let unknown = *author == Contact::default() || *poll.author == Contact::default();
    vote.target.message == *poll.id && (unknown || author.is_same(poll.author))
}

/// When a vote was made: by WhatsApp's clock, in seconds, and in the order of the journal.
type When = (SystemTime, Seq);

/// The votes that were read so far.
#[derive(Default)]
struct Tally {
    /// By the LID of the voter, else by their number; the account has an empty one.
    ballots: HashMap<String, Ballot>,
    /// Votes of the account that were sent with Send.
    own: HashMap<MessageId, (When, Option<Vec<String>>)>,
    /// When the account sent the newest message whose content is not known.
    unknown_own: Option<SystemTime>,
    incomplete: BTreeSet<Incomplete>,
}

/// The last votes of one person.
#[derive(Default)]
struct Ballot {
    voter: Contact,
    /// The last one that could be decrypted.
    open: Option<(When, Vec<String>)>,
    /// The last one that could not be.
    sealed: Option<When>,
}

impl Tally {
    /// Adds a vote of a person, or of the account. Options are `None` if it could not be decrypted.
    fn add(&mut self, voter: Option<Contact>, at: When, options: Option<Vec<String>>) {
        let key = match &voter {
            None => String::new(),
            Some(Contact { lid: Some(lid), .. }) => lid.jid(),
            Some(Contact {
                phone: Some(phone), ..
            }) => phone.digits().to_owned(),
            Some(_) => return,
        };
        if self.ballots.len() >= MAX_VOTERS && !self.ballots.contains_key(&key) {
            self.incomplete.insert(Incomplete::TooMany);
            return;
        }
        let ballot = self.ballots.entry(key).or_default();
        ballot.voter = voter.unwrap_or_default();
        match options {
            None => ballot.sealed = ballot.sealed.max(Some(at)),
            Some(options) => {
                if ballot.open.as_ref().is_none_or(|(known, _)| *known < at) {
                    ballot.open = Some((at, options));
                }
            }
        }
    }

    fn results(mut self, poll: Poll, account: &Contact) -> PollResults {
        for (at, options) in std::mem::take(&mut self.own).into_values() {
            self.add(None, at, options);
        }
        self.note_unknown_own();
        let sealed = self.ballots.values().filter(|it| it.is_sealed()).count();
        if sealed > 0 {
            self.incomplete.insert(Incomplete::SealedVotes);
        }
        let Poll {
            question,
            options,
            selectable,
        } = poll;
        let mut votes: BTreeMap<When, (Contact, Vec<String>)> = BTreeMap::new();
        for (key, ballot) in self.ballots {
            let Some((at, mut selected)) = ballot.open else {
                continue;
            };
            selected.retain(|option| options.contains(option));
            if selected.is_empty() {
                continue;
            }
            let voter = match key.as_str() {
                "" => account.clone(),
                _ => ballot.voter,
            };
            votes.insert(at, (voter, selected));
        }
        let mut listed = 0;
        let options = options.into_iter().map(|name| {
            let selected = votes.values().filter(|(_, it)| it.contains(&name));
            let mut voters: Vec<Contact> = selected.map(|(voter, _)| voter.clone()).collect();
            let count = voters.len();
            voters.truncate(MAX_LISTED - listed);
            listed += voters.len();
            OptionResult {
                name,
                votes: count,
                voters,
            }
        });
        PollResults {
            question,
            selectable,
            options: options.collect(),
            voters: votes.len(),
            sealed,
            incomplete: self.incomplete,
        }
    }

    /// A message whose content is not known may be a vote, unless the account's known one is newer.
    fn note_unknown_own(&mut self) {
        let own = self.ballots.get("").and_then(|own| own.open.as_ref());
        let known = own.map(|((at, _), _)| *at);
        if self.unknown_own.is_some() && self.unknown_own >= known {
            self.incomplete.insert(Incomplete::OwnMessagesGone);
        }
    }
}

impl Ballot {
    /// Whether the last vote could not be decrypted.
    fn is_sealed(&self) -> bool {
        self.sealed > self.open.as_ref().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64, seq: u64) -> When {
        (
            SystemTime::UNIX_EPOCH + Duration::from_secs(second),
            Seq(seq),
        )
    }

    fn person(number: usize) -> Option<Contact> {
        Some(Contact::of_jid(&format!("1000000{number:08}@lid")))
    }

    fn poll() -> Poll {
        Poll {
            question: "swordfish?".into(),
            options: vec!["yes".into(), "no".into()],
            selectable: 0,
        }
    }

    fn chosen(options: &[&str]) -> Option<Vec<String>> {
        Some(options.iter().map(|&option| option.to_owned()).collect())
    }

    fn votes(results: &PollResults) -> Vec<usize> {
        results.options.iter().map(|option| option.votes).collect()
    }

    #[test]
    fn the_last_readable_vote_of_each_person_counts() {
        let mut tally = Tally::default();
        // Read backwards.
        tally.add(person(1), at(9, 7), None);
        tally.add(person(1), at(5, 6), chosen(&["no"]));
        tally.add(person(1), at(5, 5), chosen(&["yes"]));
        tally.add(person(2), at(4, 4), chosen(&[]));
        tally.add(person(2), at(3, 3), chosen(&["yes"]));
        tally.add(person(3), at(3, 2), chosen(&["yes", "no", "never"]));
        tally.add(person(3), at(2, 1), None);
        tally.add(None, at(3, 1), chosen(&["never"]));
        let results = tally.results(poll(), &Contact::default());
        assert_eq!(votes(&results), [1, 2]);
        assert_eq!((results.voters, results.sealed), (2, 1));
        assert_eq!(results.incomplete, [Incomplete::SealedVotes].into());
        let voters = results.options[1].voters.clone();
        assert_eq!(voters, [person(3).unwrap(), person(1).unwrap()]);
    }

    #[test]
    fn an_own_message_without_content_matters_if_no_newer_vote_is_known() {
        for (known, incomplete) in [(2, true), (3, true), (4, false)] {
            let mut tally = Tally {
                unknown_own: Some(at(3, 0).0),
                ..Tally::default()
            };
            let own = (at(known, 9), chosen(&["yes"]));
            tally.own.insert(MessageId::new("A"), own);
            let results = tally.results(poll(), &Contact::default());
            assert_eq!(votes(&results), [1, 0]);
            assert_eq!(!results.incomplete.is_empty(), incomplete, "{known}");
        }
    }

    #[test]
    fn voters_are_bounded() {
        let mut tally = Tally::default();
        for number in 0..=MAX_VOTERS {
            let seq = u64::try_from(number).unwrap();
            tally.add(person(number), at(1, seq), chosen(&["yes", "no"]));
        }
        let results = tally.results(poll(), &Contact::default());
        assert_eq!(votes(&results), [MAX_VOTERS, MAX_VOTERS]);
        let listed: usize = results.options.iter().map(|it| it.voters.len()).sum();
        assert_eq!(listed, MAX_LISTED);
        assert_eq!(results.incomplete, [Incomplete::TooMany].into());
    }
}

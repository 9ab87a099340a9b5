//! Checks that a change to a message comes from someone who is authorised to make it:
//!
//! ```text
//! edit                 its author
//! deletion             its author; in a group an admin too, which the agent cannot check
//! reaction, vote, pin  a person in the message's chat
//! receipt              the recipient of our message: that person, or anyone in the group (only WhatsApp's server knows its members)
//! ```
//!
//! The agent looks the message up in the outbox and in the journal. A change to a message that is in neither is
//! recorded as unchecked. A change that is not authorised is recorded as rejected, and changes nothing.

use std::sync::Arc;

use openclaw_types::{
    AuthorCheck, Body, ChatId, Contact, EventData, MAX_QUOTED_BYTES, Media, Message, MessageId,
    Origin, QuoteCheck, Quoted, Receipt, RejectReason, Rejected,
};

use crate::journal::{Arrival, Journal, Written};
use crate::outbox::Outbox;
use crate::people::People;

/// Checks changes, with the sources that it needs.
pub struct Authorship {
    journal: Arc<Journal>,
    outbox: Arc<Outbox>,
    people: Arc<dyn People>,
}

/// What a change requires.
enum Claim<'a> {
    /// The sender must be the author.
    Own,
    /// The sender deletes a message of this author as an admin.
    AsAdmin(&'a Contact),
    /// The message must be in this chat, and by this author if one is given.
    About(&'a Contact),
}

/// Why a change is rejected, and the author of the message.
struct Rejection {
    author: Contact,
    reason: RejectReason,
}

impl Authorship {
    /// Uses these sources.
    #[must_use]
    pub fn new(journal: Arc<Journal>, outbox: Arc<Outbox>, people: Arc<dyn People>) -> Self {
        Self {
            journal,
            outbox,
            people,
        }
    }

    /// Returns the event to record for an arrived event. `before` are earlier arrivals that may not be journaled yet.
    #[must_use]
    pub fn judge(&self, what: EventData, before: &[Arrival]) -> EventData {
        match what {
            EventData::Edit(mut edit) => {
                match self.decide(&edit.origin, &edit.message, &Claim::Own, before) {
                    Ok((author, check)) => {
                        edit.author = author.unwrap_or(edit.author);
                        edit.check = check;
                        EventData::Edit(edit)
                    }
                    Err(denied) => denied.rejected(&edit.origin, &edit.message, "edit".into()),
                }
            }
            EventData::Deletion(mut gone) => {
                let own = gone.origin.sender.is_same(&gone.author);
                let claim = if own {
                    Claim::Own
                } else {
                    Claim::AsAdmin(&gone.author)
                };
                match self.decide(&gone.origin, &gone.message, &claim, before) {
                    Ok((author, check)) => {
                        gone.author = author.unwrap_or(gone.author);
                        gone.check = check;
                        EventData::Deletion(gone)
                    }
                    Err(denied) => denied.rejected(&gone.origin, &gone.message, "deletion".into()),
                }
            }
            EventData::Reaction(mut reaction) => {
                let claim = Claim::About(&reaction.author);
                match self.decide(&reaction.origin, &reaction.message, &claim, before) {
                    Ok((author, check)) => {
                        reaction.author = author.unwrap_or(reaction.author);
                        reaction.check = check;
                        EventData::Reaction(reaction)
                    }
                    Err(denied) => {
                        denied.rejected(&reaction.origin, &reaction.message, "reaction".into())
                    }
                }
            }
            EventData::Message(mut message) => {
                self.check_quote(&mut message, before);
                let account = self.people.account();
                let is_account = |who: &Contact| account.as_ref().is_some_and(|it| it.is_same(who));
                message.content.mentions_account |= message.content.mentions.iter().any(is_account);
                let Some(target) = message.content.body.target() else {
                    return EventData::Message(message);
                };
                let claim = Claim::About(&target.author);
                match self.decide(&message.origin, &target.message, &claim, before) {
                    Ok((author, check)) => {
                        if let Some(target) = message.content.body.target_mut() {
                            target.check = check;
                            target.author = author.unwrap_or_else(|| target.author.clone());
                        }
                        EventData::Message(message)
                    }
                    Err(denied) => {
                        let name = message.content.body.name().to_owned();
                        denied.rejected(&message.origin, &target.message, name)
                    }
                }
            }
            what => what,
        }
    }

    /// Records whether the journal confirms the quote of a message.
    fn check_quote(&self, message: &mut Message, before: &[Arrival]) {
        let Message { origin, content } = message;
        let Some(quoted) = &mut content.quoted else {
            return;
        };
        let other_side = Some(&origin.sender).filter(|_| !origin.from_me);
        let arrived = before.iter().filter_map(|arrival| arrival.what.as_ref());
        let arrived = arrived
            .filter(|what| Written::of(what, &quoted.id).is_some())
            .cloned();
        let recorded = self.journal.events_of(&quoted.id).into_iter();
        let known: Vec<EventData> = arrived.chain(recorded.map(|event| event.what)).collect();
        let here = |written: &Written| self.is_same_chat(&written.chat, &origin.chat, other_side);
        let by_author = |written: &Written| {
            let author = self.author(written);
            author.is_some_and(|author| self.people.resolve_contact(author).is_same(&quoted.sender))
        };
        let mut check = QuoteCheck::Unknown;
        for what in &known {
            let Some(written) = Written::of(what, &quoted.id).filter(here) else {
                continue;
            };
            let EventData::Message(original) = what else {
                continue;
            };
            if by_author(&written) && quotes(quoted, original) {
                check = QuoteCheck::Confirmed;
                break;
            }
            check = QuoteCheck::Different;
        }
        quoted.check = check;
    }

    /// Returns the events to record for a receipt, which may be valid for some of its messages only.
    #[must_use]
    pub fn receipt(&self, receipt: Receipt) -> Vec<EventData> {
        let EventData::Receipt(receipt) = self.people.resolve_contacts(EventData::Receipt(receipt))
        else {
            return Vec::new();
        };
        let Receipt {
            messages,
            chat,
            by,
            state,
            ..
        } = receipt;
        let (mut checked, mut unknown, mut denied) = (Vec::new(), Vec::new(), Vec::new());
        for id in messages {
            let fits = |written: &Written| {
                written.ours && self.is_same_chat(&written.chat, &chat, Some(&by))
            };
            // The outbox still has most of the messages.
            if self.outbox.written(&id).as_ref().is_some_and(fits) {
                checked.push(id);
                continue;
            }
            let known = self.known(&id, &[]);
            if known.is_empty() {
                unknown.push(id);
            } else if known.iter().any(fits) {
                checked.push(id);
            } else {
                denied.push(id);
            }
        }
        let of = |messages, check| {
            EventData::Receipt(Receipt {
                messages,
                chat: chat.clone(),
                by: by.clone(),
                state,
                check,
            })
        };
        let mut recorded = Vec::new();
        if !checked.is_empty() {
            recorded.push(of(checked, AuthorCheck::Checked));
        }
        if !unknown.is_empty() {
            recorded.push(of(unknown, AuthorCheck::Unknown));
        }
        if !denied.is_empty() {
            tracing::info!(reason = %RejectReason::NotTheRecipient, "receipt rejected");
            recorded.push(EventData::Rejected(Box::new(Rejected {
                id: MessageId::new(""),
                chat,
                sender: by,
                from_me: false,
                sent_at: None,
                offline: None,
                messages: denied,
                change: "receipt".into(),
                author: Contact::default(),
                reason: RejectReason::NotTheRecipient,
            })));
        }
        recorded
    }

    /// Returns the message's author, if known, and the basis of the decision.
    fn decide(
        &self,
        origin: &Origin,
        id: &MessageId,
        claim: &Claim<'_>,
        before: &[Arrival],
    ) -> Result<(Option<Contact>, AuthorCheck), Rejection> {
        let known = self.known(id, before);
        let other_side = Some(&origin.sender).filter(|_| !origin.from_me);
        let here: Vec<&Written> = known
            .iter()
            .filter(|written| self.is_same_chat(&written.chat, &origin.chat, other_side))
            .collect();
        let is_by_sender = |written: &Written| match (origin.from_me, written.ours) {
            (true, ours) => ours,
            (false, true) => false,
            (false, false) => written.author.is_same(&origin.sender),
        };
        let is_by = |who: &Contact, written: &Written| written.author.is_same(who);
        let (found, check) = match claim {
            Claim::Own => {
                let own = here.iter().find(|written| is_by_sender(written));
                (own, AuthorCheck::Checked)
            }
            // In a chat of two, a person can only delete their own messages.
            Claim::AsAdmin(_) if !origin.group => (None, AuthorCheck::Checked),
            Claim::AsAdmin(author) => {
                let theirs = here.iter().find(|written| is_by(author, written));
                (theirs, AuthorCheck::AdminAssumed)
            }
            Claim::About(author) => {
                let theirs = here.iter().find(|written| is_by(author, written));
                (theirs.or(here.first()), AuthorCheck::Checked)
            }
        };
        let nothing_known = known.is_empty();
        match (found, here.first(), claim) {
            (Some(written), _, _) => Ok((self.author(written), check)),
            (None, _, Claim::AsAdmin(author)) if !origin.group => Err(Rejection {
                author: (*author).clone(),
                reason: RejectReason::NotTheAuthor,
            }),
            (None, _, _) if nothing_known => Ok((None, AuthorCheck::Unknown)),
            (None, Some(written), _) => Err(Rejection {
                author: self.author(written).unwrap_or_default(),
                reason: RejectReason::NotTheAuthor,
            }),
            // The author in another chat is not disclosed.
            (None, None, _) => Err(Rejection {
                author: Contact::default(),
                reason: RejectReason::OtherChat,
            }),
        }
    }

    /// All known messages with this id.
    fn known(&self, id: &MessageId, before: &[Arrival]) -> Vec<Written> {
        let mut known: Vec<Written> = before
            .iter()
            .filter_map(|arrival| Written::of(arrival.what.as_ref()?, id))
            .collect();
        known.extend(self.outbox.written(id));
        known.extend(self.journal.written(id));
        for written in &mut known {
            let author = std::mem::take(&mut written.author);
            written.author = self.people.resolve_contact(author);
        }
        known
    }

    /// True if both ids identify the same chat. `other_side` is the other person of the second chat, if known.
    fn is_same_chat(&self, a: &ChatId, b: &ChatId, other_side: Option<&Contact>) -> bool {
        if a == b {
            return true;
        }
        if !(a.is_person() && b.is_person()) {
            return false;
        }
        let a = self.people.resolve_contact(Contact::of_jid(a.jid()));
        let b = self.people.resolve_contact(Contact::of_jid(b.jid()));
        a.is_same(&b) || other_side.is_some_and(|who| a.is_same(who))
    }

    fn author(&self, written: &Written) -> Option<Contact> {
        let author = if written.ours {
            self.people.account()
        } else {
            Some(written.author.clone())
        };
        author.filter(|author| *author != Contact::default())
    }
}

/// True if text and file of the quote are those of the message. A long text is quoted up to a limit.
fn quotes(quoted: &Quoted, original: &Message) -> bool {
    const MAX_CHAR_BYTES: usize = 4;
    let body = &original.content.body;
    let text = body.text();
    let is_cut = quoted.text.len() > MAX_QUOTED_BYTES - MAX_CHAR_BYTES;
    let same_text = quoted.text == text || is_cut && text.starts_with(&quoted.text);
    let file = |media: &Media| {
        let sha256 = media.pointer.as_ref().map(|pointer| pointer.sha256.clone());
        (media.kind, sha256)
    };
    let quoted_file = quoted.media.as_deref().map(file);
    let original_file = match body {
        Body::Media(media) => Some(file(media)),
        _ => None,
    };
    same_text && quoted_file == original_file
}

impl Rejection {
    fn rejected(self, origin: &Origin, message: &MessageId, change: String) -> EventData {
        let Self { author, reason } = self;
        tracing::info!(%change, %reason, "change rejected");
        EventData::Rejected(Box::new(Rejected::of(
            origin, message, change, author, reason,
        )))
    }
}

/// Contains numbers, so nothing is shown.
impl std::fmt::Debug for Authorship {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorship").finish_non_exhaustive()
    }
}

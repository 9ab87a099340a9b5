//! Who may change what. A message is changed by who may change it, or not at all:
//!
//! ```text
//! edit                 its author
//! deletion             its author; in a group an admin too, which the agent cannot check
//! reaction, vote, pin  a person in the message's chat
//! receipt              who the message of ours was sent to: that person, or the group (whose members WhatsApp's server knows)
//! ```
//!
//! What the agent knows of a message is in the outbox and in the journal. A change of one that neither has is recorded as
//! unchecked. One that is not allowed is recorded as rejected, and changes nothing.

use std::sync::Arc;

use openclaw_types::{
    AuthorCheck, ChatId, Contact, EventData, MessageId, Origin, Receipt, RejectReason, Rejected,
};

use crate::journal::{Arrival, Journal, Written};
use crate::outbox::Outbox;
use crate::people::People;

/// What decides it.
pub struct Authorship {
    journal: Arc<Journal>,
    outbox: Arc<Outbox>,
    people: Arc<dyn People>,
}

/// What a change asks for.
enum Claim<'a> {
    /// To change a message of its sender's own.
    Own,
    /// To change one by this author, as an admin.
    AsAdmin(&'a Contact),
    /// To say something about one in this chat, by this author where that is said.
    About(&'a Contact),
}

/// Why not, and whose message it is.
struct Rejection {
    author: Contact,
    reason: RejectReason,
}

impl Authorship {
    /// By what these know.
    #[must_use]
    pub fn new(journal: Arc<Journal>, outbox: Arc<Outbox>, people: Arc<dyn People>) -> Self {
        Self {
            journal,
            outbox,
            people,
        }
    }

    /// What is recorded of something that arrived. Those before it may not be in the journal yet.
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
                let own = is_same(&gone.origin.sender, &gone.author);
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

    /// What is recorded of a receipt: of those of its messages that it may be for, and of the others.
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
            // Most are of messages that the outbox still has.
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

    /// Who wrote the message, where that is known, and what that rests on.
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
            (false, false) => is_same(&written.author, &origin.sender),
        };
        let is_by = |who: &Contact, written: &Written| is_same(&written.author, who);
        let (found, check) = match claim {
            Claim::Own => {
                let own = here.iter().find(|written| is_by_sender(written));
                (own, AuthorCheck::Checked)
            }
            // In a chat of two everyone deletes what is their own.
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
            // Who wrote in another chat is not for this one.
            (None, None, _) => Err(Rejection {
                author: Contact::default(),
                reason: RejectReason::OtherChat,
            }),
        }
    }

    /// Every message of that id that is known.
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

    /// Whether two names are those of one chat. `other_side` is whom the second one is with, as far as that is known.
    fn is_same_chat(&self, a: &ChatId, b: &ChatId, other_side: Option<&Contact>) -> bool {
        if a == b {
            return true;
        }
        if !(a.is_person() && b.is_person()) {
            return false;
        }
        let a = self.people.resolve_contact(Contact::of_jid(a.jid()));
        let b = self.people.resolve_contact(Contact::of_jid(b.jid()));
        is_same(&a, &b) || other_side.is_some_and(|who| is_same(&a, who))
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

impl Rejection {
    fn rejected(self, origin: &Origin, message: &MessageId, change: String) -> EventData {
        let Self { author, reason } = self;
        tracing::info!(%change, %reason, "change rejected");
        EventData::Rejected(Box::new(Rejected::of(
            origin, message, change, author, reason,
        )))
    }
}

fn is_same(a: &Contact, b: &Contact) -> bool {
    let phone = a.phone.is_some() && a.phone == b.phone;
    let lid = a.lid.is_some() && a.lid == b.lid;
    phone || lid
}

/// Numbers are inside.
impl std::fmt::Debug for Authorship {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authorship").finish_non_exhaustive()
    }
}

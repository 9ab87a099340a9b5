//! The JSON shapes of events: one object a line.

mod message;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::event::Kind;
use serde::Serialize;

use super::{Link, send_word, time};
use crate::render::status::Numbers;
use message::Message;

/// One line of `watch --json`. The field named like `kind` holds what happened.
#[derive(Serialize)]
pub(crate) struct Event {
    seq: u64,
    at: Option<String>,
    #[serde(flatten)]
    what: What,
    /// Whom the chat is with, when it is a chat of two.
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_with: Option<Contact>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum What {
    Message { message: Message },
    Receipt { receipt: Receipt },
    Link { link: Link },
    Send { send: SendOutcome },
    Undecryptable { undecryptable: Undecryptable },
    Edit { edit: Edit },
    Deletion { deletion: Deletion },
    Reaction { reaction: Reaction },
    Lost { lost: Undecryptable },
    Dropped { dropped: Dropped },
    Rejected { rejected: Rejected },
    Unknown,
}

#[derive(Serialize)]
pub(super) struct Contact {
    phone: String,
    lid: String,
}

#[derive(Serialize)]
struct Receipt {
    message_ids: Vec<String>,
    chat: String,
    by: Contact,
    state: &'static str,
    author_check: &'static str,
}

#[derive(Serialize)]
struct SendOutcome {
    token: String,
    message_id: String,
    chat: String,
    state: &'static str,
    reason: String,
    code: u32,
    meaning: String,
    hint: String,
}

#[derive(Serialize)]
struct Undecryptable {
    id: String,
    chat: String,
    sender: Contact,
    reason: String,
}

/// Who wrote it is masked by the agent already.
#[derive(Serialize)]
struct Dropped {
    id: String,
    chat: String,
    sender: String,
    reason: String,
}

#[derive(Serialize)]
struct Edit {
    id: String,
    chat: String,
    sender: Contact,
    sent_at: Option<String>,
    from_me: bool,
    group: bool,
    offline: bool,
    message_id: String,
    content: String,
    text: String,
    cut: bool,
    author: Contact,
    author_check: &'static str,
}

#[derive(Serialize)]
struct Deletion {
    id: String,
    chat: String,
    sender: Contact,
    sent_at: Option<String>,
    from_me: bool,
    group: bool,
    offline: bool,
    message_id: String,
    author: Contact,
    author_check: &'static str,
}

/// A change that was not applied.
#[derive(Serialize)]
struct Rejected {
    id: String,
    chat: String,
    sender: Contact,
    from_me: bool,
    message_ids: Vec<String>,
    change: String,
    author: Contact,
    reason: String,
}

#[derive(Serialize)]
struct Reaction {
    id: String,
    chat: String,
    sender: Contact,
    sent_at: Option<String>,
    from_me: bool,
    group: bool,
    offline: bool,
    message_id: String,
    author: Contact,
    emoji: String,
    sealed: bool,
    author_check: &'static str,
}

impl From<pb::Event> for Event {
    fn from(event: pb::Event) -> Self {
        let pb::Event {
            seq,
            at,
            kind,
            chat_with,
        } = event;
        let what = match kind {
            Some(Kind::Message(message)) => What::Message {
                message: Message::from(message),
            },
            Some(Kind::Receipt(receipt)) => What::Receipt {
                receipt: Receipt::from(receipt),
            },
            Some(Kind::Link(link)) => What::Link {
                link: Link::new(link, Numbers::Full),
            },
            Some(Kind::Send(outcome)) => What::Send {
                send: SendOutcome::from(outcome),
            },
            Some(Kind::Undecryptable(lost)) => What::Undecryptable {
                undecryptable: Undecryptable::from(lost),
            },
            Some(Kind::Edit(edit)) => What::Edit {
                edit: Edit::from(edit),
            },
            Some(Kind::Deletion(deletion)) => What::Deletion {
                deletion: Deletion::from(deletion),
            },
            Some(Kind::Reaction(reaction)) => What::Reaction {
                reaction: Reaction::from(reaction),
            },
            Some(Kind::Lost(lost)) => What::Lost {
                lost: Undecryptable::from(lost),
            },
            Some(Kind::Dropped(dropped)) => What::Dropped {
                dropped: Dropped::from(dropped),
            },
            Some(Kind::Rejected(rejected)) => What::Rejected {
                rejected: Rejected::from(rejected),
            },
            None => What::Unknown,
        };
        let at = time(at);
        let chat_with = chat_with.map(|with| Contact::from(Some(with)));
        Self {
            seq,
            at,
            what,
            chat_with,
        }
    }
}

impl From<Option<pb::Contact>> for Contact {
    fn from(contact: Option<pb::Contact>) -> Self {
        let pb::Contact { phone, lid } = contact.unwrap_or_default();
        Self { phone, lid }
    }
}

impl From<pb::Receipt> for Receipt {
    fn from(receipt: pb::Receipt) -> Self {
        let state = send_word(receipt.state());
        let author_check = check_word(receipt.author_check());
        let pb::Receipt {
            message_ids,
            chat,
            by,
            state: _,
            author_check: _,
        } = receipt;
        Self {
            message_ids,
            chat,
            by: Contact::from(by),
            state,
            author_check,
        }
    }
}

impl From<pb::SendOutcome> for SendOutcome {
    fn from(outcome: pb::SendOutcome) -> Self {
        let state = send_word(outcome.state());
        let pb::SendOutcome {
            token,
            message_id,
            chat,
            state: _,
            reason,
            code,
            meaning,
            hint,
        } = outcome;
        Self {
            token,
            message_id,
            chat,
            state,
            reason,
            code,
            meaning,
            hint,
        }
    }
}

impl From<pb::Undecryptable> for Undecryptable {
    fn from(lost: pb::Undecryptable) -> Self {
        let pb::Undecryptable {
            id,
            chat,
            sender,
            reason,
        } = lost;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            reason,
        }
    }
}

impl From<pb::Lost> for Undecryptable {
    fn from(lost: pb::Lost) -> Self {
        let pb::Lost {
            id,
            chat,
            sender,
            reason,
        } = lost;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            reason,
        }
    }
}

impl From<pb::Dropped> for Dropped {
    fn from(dropped: pb::Dropped) -> Self {
        let pb::Dropped {
            id,
            chat,
            sender,
            reason,
        } = dropped;
        Self {
            id,
            chat,
            sender,
            reason,
        }
    }
}

impl From<pb::Edit> for Edit {
    fn from(edit: pb::Edit) -> Self {
        let author_check = check_word(edit.author_check());
        let pb::Edit {
            id,
            chat,
            sender,
            sent_at,
            from_me,
            group,
            offline,
            message_id,
            content,
            text,
            cut,
            author,
            author_check: _,
        } = edit;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            sent_at: time(sent_at),
            from_me,
            group,
            offline,
            message_id,
            content,
            text,
            cut,
            author: Contact::from(author),
            author_check,
        }
    }
}

impl From<pb::Deletion> for Deletion {
    fn from(deletion: pb::Deletion) -> Self {
        let author_check = check_word(deletion.author_check());
        let pb::Deletion {
            id,
            chat,
            sender,
            sent_at,
            from_me,
            group,
            offline,
            message_id,
            author,
            author_check: _,
        } = deletion;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            sent_at: time(sent_at),
            from_me,
            group,
            offline,
            message_id,
            author: Contact::from(author),
            author_check,
        }
    }
}

impl From<pb::Reaction> for Reaction {
    fn from(reaction: pb::Reaction) -> Self {
        let author_check = check_word(reaction.author_check());
        let pb::Reaction {
            id,
            chat,
            sender,
            sent_at,
            from_me,
            group,
            offline,
            message_id,
            author,
            emoji,
            sealed,
            author_check: _,
        } = reaction;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            sent_at: time(sent_at),
            from_me,
            group,
            offline,
            message_id,
            author: Contact::from(author),
            emoji,
            sealed,
            author_check,
        }
    }
}

impl From<pb::Rejected> for Rejected {
    fn from(rejected: pb::Rejected) -> Self {
        let pb::Rejected {
            id,
            chat,
            sender,
            from_me,
            message_ids,
            change,
            author,
            reason,
        } = rejected;
        Self {
            id,
            chat,
            sender: Contact::from(sender),
            from_me,
            message_ids,
            change,
            author: Contact::from(author),
            reason,
        }
    }
}

/// Whether the author was checked, in one word.
fn check_word(check: pb::AuthorCheck) -> &'static str {
    match check {
        pb::AuthorCheck::Unspecified => "unspecified",
        pb::AuthorCheck::Checked => "checked",
        pb::AuthorCheck::Unknown => "unknown",
        pb::AuthorCheck::AdminAssumed => "admin_assumed",
    }
}

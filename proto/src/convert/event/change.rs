//! What people do to messages: edits, deletions, reactions, receipts, and what of these was rejected.

use openclaw_types::{
    AuthorCheck, ChatId, Contact, Deletion, Edit, MessageId, Reaction, Receipt, Rejected,
};

use super::{names, names_from, origin, origin_from};
use crate::convert::content::{Frame, content, content_from};
use crate::convert::people::{chat_name, contact, kind_of, person};
use crate::convert::send::{send_state, send_state_from};
use crate::convert::{Error, missing, reason};
use crate::v1;

reason!(
    reject_reason,
    reject_reason_from,
    RejectReason {
        NotTheAuthor,
        NotTheRecipient,
        OtherChat,
    }
);

fn target(id: MessageId, author: Contact, check: AuthorCheck) -> Option<v1::Target> {
    Some(v1::Target {
        id: id.into(),
        author: Some(contact(author)),
        check: author_check(check).into(),
    })
}

fn target_from(target: Option<v1::Target>) -> Result<(MessageId, Contact, AuthorCheck), Error> {
    let target = target.ok_or(missing("target"))?;
    let check = author_check_from(target.check());
    let v1::Target {
        id,
        author,
        check: _,
    } = target;
    Ok((MessageId::new(&id), person(author), check))
}

pub(super) fn edit(edit: Edit) -> v1::Edit {
    let Edit {
        origin,
        message,
        content,
        author,
        check,
    } = edit;
    let (content, _) = self::content(content);
    v1::Edit {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
        content: Some(content),
    }
}

pub(super) fn edit_from(edit: v1::Edit) -> Result<Edit, Error> {
    let v1::Edit {
        origin,
        target,
        content,
    } = edit;
    let (message, author, check) = target_from(target)?;
    let frame = Frame {
        quoted: None,
        view_once: false,
        forwarded: false,
        disappears_after: None,
        album_id: String::new(),
    };
    Ok(Edit {
        origin: origin_from(origin)?,
        message,
        content: content_from(content.ok_or(missing("content"))?, frame),
        author,
        check,
    })
}

pub(super) fn deletion(deletion: Deletion) -> v1::Deletion {
    let Deletion {
        origin,
        message,
        author,
        check,
    } = deletion;
    v1::Deletion {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
    }
}

pub(super) fn deletion_from(deletion: v1::Deletion) -> Result<Deletion, Error> {
    let v1::Deletion { origin, target } = deletion;
    let (message, author, check) = target_from(target)?;
    Ok(Deletion {
        origin: origin_from(origin)?,
        message,
        author,
        check,
    })
}

pub(super) fn reaction(reaction: Reaction) -> v1::Reaction {
    let Reaction {
        origin,
        message,
        author,
        emoji,
        sealed,
        check,
    } = reaction;
    v1::Reaction {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
        emoji,
        sealed,
    }
}

pub(super) fn reaction_from(reaction: v1::Reaction) -> Result<Reaction, Error> {
    let v1::Reaction {
        origin,
        target,
        emoji,
        sealed,
    } = reaction;
    let (message, author, check) = target_from(target)?;
    Ok(Reaction {
        origin: origin_from(origin)?,
        message,
        author,
        emoji,
        sealed,
        check,
    })
}

pub(super) fn receipt(receipt: Receipt) -> v1::Receipt {
    let Receipt {
        messages,
        chat,
        by,
        state,
        check,
    } = receipt;
    v1::Receipt {
        message_ids: messages.into_iter().map(String::from).collect(),
        chat: chat_name(&chat),
        chat_kind: kind_of(&chat),
        recipient: Some(contact(by)),
        state: send_state(state).into(),
        check: author_check(check).into(),
    }
}

pub(super) fn receipt_from(receipt: v1::Receipt) -> Result<Receipt, Error> {
    let (state, check) = (receipt.state(), receipt.check());
    let v1::Receipt {
        message_ids,
        chat,
        chat_kind: _,
        recipient,
        state: _,
        check: _,
    } = receipt;
    Ok(Receipt {
        messages: message_ids.iter().map(|id| MessageId::new(id)).collect(),
        chat: ChatId::new(chat),
        by: person(recipient),
        state: send_state_from(state)?,
        check: author_check_from(check),
    })
}

const fn author_check(check: AuthorCheck) -> v1::AuthorCheck {
    match check {
        AuthorCheck::Unspecified => v1::AuthorCheck::Unspecified,
        AuthorCheck::Checked => v1::AuthorCheck::Checked,
        AuthorCheck::Unknown => v1::AuthorCheck::Unknown,
        AuthorCheck::AdminAssumed => v1::AuthorCheck::AdminAssumed,
    }
}

const fn author_check_from(check: v1::AuthorCheck) -> AuthorCheck {
    match check {
        v1::AuthorCheck::Unspecified => AuthorCheck::Unspecified,
        v1::AuthorCheck::Checked => AuthorCheck::Checked,
        v1::AuthorCheck::Unknown => AuthorCheck::Unknown,
        v1::AuthorCheck::AdminAssumed => AuthorCheck::AdminAssumed,
    }
}

pub(super) fn rejected(rejected: Rejected) -> v1::Rejected {
    let Rejected {
        id,
        chat,
        sender,
        from_me,
        messages,
        change,
        author,
        reason,
    } = rejected;
    let (reason, other_reason) = reject_reason(reason);
    v1::Rejected {
        origin: Some(names(id, &chat, sender, from_me)),
        message_ids: messages.into_iter().map(String::from).collect(),
        change,
        author: Some(contact(author)),
        reason,
        other_reason,
    }
}

pub(super) fn rejected_from(rejected: v1::Rejected) -> Result<Rejected, Error> {
    let v1::Rejected {
        origin,
        message_ids,
        change,
        author,
        reason,
        other_reason,
    } = rejected;
    let (id, chat, sender, from_me) = names_from(origin)?;
    Ok(Rejected {
        id,
        chat,
        sender,
        from_me,
        messages: message_ids.iter().map(|id| MessageId::new(id)).collect(),
        change,
        author: person(author),
        reason: reject_reason_from(reason, other_reason),
    })
}

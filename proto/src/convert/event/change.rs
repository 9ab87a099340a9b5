//! What people do to messages: edits, deletions, reactions, receipts, and what of these was rejected.

use openclaw_types::{
    Body, ChatId, Content, Deletion, Edit, MessageId, Reaction, Receipt, Rejected,
};

use super::{Names, names_from, origin, origin_from};
use crate::convert::content::{Frame, content, content_from};
use crate::convert::people::{chat_name, contact, kind_of, person};
use crate::convert::send::{send_state, send_state_from};
use crate::convert::target::{author_check, author_check_from, target, target_from};
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

pub(super) fn edit(edit: Edit) -> v1::Edit {
    let Edit {
        origin,
        message,
        content,
        author,
        check,
    } = edit;
    let sealed = content.body == Body::Sealed;
    let (content, _) = self::content(content);
    v1::Edit {
        origin: Some(self::origin(origin)),
        target: target(message, author, check),
        content: Some(content).filter(|_| !sealed),
        sealed,
    }
}

pub(super) fn edit_from(edit: v1::Edit) -> Result<Edit, Error> {
    let v1::Edit {
        origin,
        target,
        content,
        sealed,
    } = edit;
    let (message, author, check) = target_from(target)?;
    let frame = Frame {
        quoted: None,
        view_once: false,
        forwarded: false,
        disappears_after: None,
        album_id: String::new(),
    };
    let content = if sealed {
        Content {
            body: Body::Sealed,
            ..Content::default()
        }
    } else {
        content_from(content.ok_or(missing("content"))?, frame)?
    };
    Ok(Edit {
        origin: origin_from(origin)?,
        message,
        content,
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

pub(super) fn rejected(rejected: Rejected) -> v1::Rejected {
    let Rejected {
        id,
        chat,
        sender,
        from_me,
        sent_at,
        offline,
        messages,
        change,
        author,
        reason,
    } = rejected;
    let (reason, other_reason) = reject_reason(reason);
    let names = Names {
        id,
        chat,
        sender,
        from_me: Some(from_me),
        sent_at,
        offline,
    };
    v1::Rejected {
        origin: Some(super::names(names)),
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
    let Names {
        id,
        chat,
        sender,
        from_me,
        sent_at,
        offline,
    } = names_from(origin)?;
    Ok(Rejected {
        id,
        chat,
        sender,
        from_me: from_me.unwrap_or_default(),
        sent_at,
        offline,
        messages: message_ids.iter().map(|id| MessageId::new(id)).collect(),
        change,
        author: person(author),
        reason: reject_reason_from(reason, other_reason),
    })
}

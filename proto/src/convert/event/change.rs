//! Changes to messages: edits, deletions, reactions, receipts, and rejected changes.

use openclaw_types::{
    Body, ChatId, Content, Deletion, Edit, MessageId, Reaction, Receipt, Rejected, Target,
};

use super::{Names, Wire, names_from, origin, origin_from};
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

impl Wire for Edit {
    type Message = v1::Edit;

    fn into_wire(self) -> v1::Edit {
        let Edit {
            origin,
            message,
            content,
            author,
            check,
        } = self;
        let sealed = content.body == Body::Sealed;
        let (content, _) = self::content(content);
        v1::Edit {
            origin: Some(self::origin(origin)),
            target: target(Target {
                message,
                author,
                check,
            }),
            content: Some(content).filter(|_| !sealed),
            sealed,
        }
    }

    fn from_wire(message: v1::Edit) -> Result<Self, Error> {
        let v1::Edit {
            origin,
            target,
            content,
            sealed,
        } = message;
        let Target {
            message,
            author,
            check,
        } = target_from(target)?;
        let content = if sealed {
            Content {
                body: Body::Sealed,
                ..Content::default()
            }
        } else {
            content_from(content.ok_or(missing("content"))?, Frame::default())?
        };
        Ok(Edit {
            origin: origin_from(origin)?,
            message,
            content,
            author,
            check,
        })
    }
}

impl Wire for Deletion {
    type Message = v1::Deletion;

    fn into_wire(self) -> v1::Deletion {
        let Deletion {
            origin,
            message,
            author,
            check,
        } = self;
        v1::Deletion {
            origin: Some(self::origin(origin)),
            target: target(Target {
                message,
                author,
                check,
            }),
        }
    }

    fn from_wire(message: v1::Deletion) -> Result<Self, Error> {
        let v1::Deletion { origin, target } = message;
        let Target {
            message,
            author,
            check,
        } = target_from(target)?;
        Ok(Deletion {
            origin: origin_from(origin)?,
            message,
            author,
            check,
        })
    }
}

impl Wire for Reaction {
    type Message = v1::Reaction;

    fn into_wire(self) -> v1::Reaction {
        let Reaction {
            origin,
            message,
            author,
            emoji,
            sealed,
            check,
        } = self;
        v1::Reaction {
            origin: Some(self::origin(origin)),
            target: target(Target {
                message,
                author,
                check,
            }),
            emoji,
            sealed,
        }
    }

    fn from_wire(message: v1::Reaction) -> Result<Self, Error> {
        let v1::Reaction {
            origin,
            target,
            emoji,
            sealed,
        } = message;
        let Target {
            message,
            author,
            check,
        } = target_from(target)?;
        Ok(Reaction {
            origin: origin_from(origin)?,
            message,
            author,
            emoji,
            sealed,
            check,
        })
    }
}

impl Wire for Receipt {
    type Message = v1::Receipt;

    fn into_wire(self) -> v1::Receipt {
        let Receipt {
            messages,
            chat,
            by,
            state,
            check,
        } = self;
        v1::Receipt {
            message_ids: messages.into_iter().map(String::from).collect(),
            chat: chat_name(&chat),
            chat_kind: kind_of(&chat),
            recipient: Some(contact(by)),
            state: send_state(state).into(),
            check: author_check(check).into(),
        }
    }

    fn from_wire(message: v1::Receipt) -> Result<Self, Error> {
        let (state, check) = (message.state(), message.check());
        let v1::Receipt {
            message_ids,
            chat,
            chat_kind: _,
            recipient,
            state: _,
            check: _,
        } = message;
        Ok(Receipt {
            messages: message_ids.iter().map(|id| MessageId::new(id)).collect(),
            chat: ChatId::new(chat),
            by: person(recipient),
            state: send_state_from(state)?,
            check: author_check_from(check),
        })
    }
}

impl Wire for Rejected {
    type Message = v1::Rejected;

    fn into_wire(self) -> v1::Rejected {
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
        } = self;
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

    fn from_wire(message: v1::Rejected) -> Result<Self, Error> {
        let v1::Rejected {
            origin,
            message_ids,
            change,
            author,
            reason,
            other_reason,
        } = message;
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
}

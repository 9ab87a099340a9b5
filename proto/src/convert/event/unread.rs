//! Messages whose content is not available, with the reason. All that is known of their origin is kept.

use openclaw_types::{Dropped, Lost, Undecryptable};

use super::{Names, Wire, names_from};
use crate::convert::{Error, reason};
use crate::v1;

reason!(
    undecryptable_reason,
    undecryptable_reason_from,
    UndecryptableReason {
        NotDecrypted,
        ViewOnce,
        Hosted,
        Bot,
        Unavailable,
        UnknownEncryption,
    }
);
reason!(
    lost_reason,
    lost_reason_from,
    LostReason {
        NotKept,
        Unreadable
    }
);
reason!(
    drop_reason,
    drop_reason_from,
    DropReason {
        Disabled,
        NotListed,
        GroupNotListed,
        NotResolved,
        TooManyHeld,
    }
);

/// Converts such a message in both directions.
macro_rules! unread {
    ($name:ident, $reason:ident, $reason_from:ident) => {
        impl Wire for $name {
            type Message = v1::$name;

            fn into_wire(self) -> v1::$name {
                let $name {
                    id,
                    chat,
                    sender,
                    from_me,
                    sent_at,
                    offline,
                    reason,
                } = self;
                let (reason, other_reason) = $reason(reason);
                let names = Names {
                    id,
                    chat,
                    sender,
                    from_me,
                    sent_at,
                    offline,
                };
                v1::$name {
                    origin: Some(super::names(names)),
                    reason,
                    other_reason,
                }
            }

            fn from_wire(message: v1::$name) -> Result<Self, Error> {
                let v1::$name {
                    origin,
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
                Ok(Self {
                    id,
                    chat,
                    sender,
                    from_me,
                    sent_at,
                    offline,
                    reason: $reason_from(reason, other_reason),
                })
            }
        }
    };
}

unread!(
    Undecryptable,
    undecryptable_reason,
    undecryptable_reason_from
);
unread!(Lost, lost_reason, lost_reason_from);
unread!(Dropped, drop_reason, drop_reason_from);

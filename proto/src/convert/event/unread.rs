//! Messages that are not here, and why: of each its names alone are known.

use openclaw_types::{Dropped, Lost, Undecryptable};

use super::{names, names_from};
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
/// Both ways, of a message that is known by its names and a reason.
macro_rules! unread {
    ($name:ident, $to:ident, $from:ident, $reason:ident, $reason_from:ident) => {
        pub(super) fn $to(message: $name) -> v1::$name {
            let $name {
                id,
                chat,
                sender,
                reason,
            } = message;
            let (reason, other_reason) = $reason(reason);
            v1::$name {
                origin: Some(names(id, &chat, sender, false)),
                reason,
                other_reason,
            }
        }

        pub(super) fn $from(message: v1::$name) -> Result<$name, Error> {
            let v1::$name {
                origin,
                reason,
                other_reason,
            } = message;
            let (id, chat, sender, _) = names_from(origin)?;
            Ok($name {
                id,
                chat,
                sender,
                reason: $reason_from(reason, other_reason),
            })
        }
    };
}

unread!(
    Undecryptable,
    undecryptable,
    undecryptable_from,
    undecryptable_reason,
    undecryptable_reason_from
);
unread!(Lost, lost, lost_from, lost_reason, lost_reason_from);
unread!(
    Dropped,
    dropped,
    dropped_from,
    drop_reason,
    drop_reason_from
);

//! Changes of groups.

use openclaw_types::{Contact, GroupChange};

use super::{Wire, origin, origin_from};
use crate::convert::content::{seconds, seconds_from};
use crate::convert::people::contact;
use crate::convert::{Error, reason};
use crate::v1;

reason!(
    kind,
    kind_from,
    GroupChangeKind {
        Name,
        Description,
        Added,
        Removed,
        Left,
        Joined,
        Promoted,
        Demoted,
        Announce,
        Locked,
        Timer,
        JoinApproval,
        AdminsAdd,
        Picture,
        InviteReset,
        Created,
        Deleted,
        JoinRequested,
        JoinRequestClosed,
        NumberChanged,
    }
);

impl Wire for GroupChange {
    type Message = v1::GroupChange;

    fn into_wire(self) -> v1::GroupChange {
        let GroupChange {
            origin,
            change,
            people,
            text,
            enabled,
            disappears_after,
        } = self;
        let (change, other_change) = kind(change);
        v1::GroupChange {
            origin: Some(self::origin(origin)),
            change,
            other_change,
            people: people.into_iter().map(contact).collect(),
            text,
            enabled,
            disappears_after: seconds(disappears_after),
        }
    }

    fn from_wire(message: v1::GroupChange) -> Result<Self, Error> {
        let v1::GroupChange {
            origin,
            change,
            other_change,
            people,
            text,
            enabled,
            disappears_after,
        } = message;
        Ok(GroupChange {
            origin: origin_from(origin)?,
            change: kind_from(change, other_change),
            people: people.into_iter().map(Contact::from).collect(),
            text,
            enabled,
            disappears_after: seconds_from(disappears_after),
        })
    }
}

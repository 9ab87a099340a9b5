//! The message that a change or a content refers to, and the result of checking its author.

use openclaw_types::{AuthorCheck, MessageId, Target};

use super::people::{contact, person};
use super::{Error, missing};
use crate::v1;

pub(super) fn target(target: Target) -> Option<v1::Target> {
    let Target {
        message,
        author,
        check,
    } = target;
    Some(v1::Target {
        id: message.into(),
        author: Some(contact(author)),
        check: author_check(check).into(),
    })
}

pub(super) fn target_from(target: Option<v1::Target>) -> Result<Target, Error> {
    let target = target.ok_or(missing("target"))?;
    let check = author_check_from(target.check());
    let v1::Target {
        id,
        author,
        check: _,
    } = target;
    Ok(Target {
        message: MessageId::new(&id),
        author: person(author),
        check,
    })
}

pub(super) const fn author_check(check: AuthorCheck) -> v1::AuthorCheck {
    match check {
        AuthorCheck::Unspecified => v1::AuthorCheck::Unspecified,
        AuthorCheck::Checked => v1::AuthorCheck::Checked,
        AuthorCheck::Unknown => v1::AuthorCheck::Unknown,
        AuthorCheck::AdminAssumed => v1::AuthorCheck::AdminAssumed,
    }
}

pub(super) const fn author_check_from(check: v1::AuthorCheck) -> AuthorCheck {
    match check {
        v1::AuthorCheck::Unspecified => AuthorCheck::Unspecified,
        v1::AuthorCheck::Checked => AuthorCheck::Checked,
        v1::AuthorCheck::Unknown => AuthorCheck::Unknown,
        v1::AuthorCheck::AdminAssumed => AuthorCheck::AdminAssumed,
    }
}

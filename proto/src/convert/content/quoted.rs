//! The message that a message quotes.

use openclaw_types::{MessageId, QuoteCheck, Quoted};

use super::super::people::{contact, person};
use super::media::media_from;
use super::text_of;
use crate::v1;

pub(super) fn quoted(quoted: Quoted) -> v1::Quoted {
    let Quoted {
        id,
        sender,
        text,
        media,
        check,
    } = quoted;
    v1::Quoted {
        id: text_of(id),
        sender: Some(contact(sender)),
        text,
        media: media.map(|media| super::media(*media)),
        check: match check {
            QuoteCheck::Unspecified => v1::QuoteCheck::Unspecified,
            QuoteCheck::Confirmed => v1::QuoteCheck::Confirmed,
            QuoteCheck::Unknown => v1::QuoteCheck::Unknown,
            QuoteCheck::Different => v1::QuoteCheck::Different,
        }
        .into(),
    }
}

pub(super) fn quoted_from(quoted: v1::Quoted) -> Quoted {
    let check = match quoted.check() {
        v1::QuoteCheck::Unspecified => QuoteCheck::Unspecified,
        v1::QuoteCheck::Confirmed => QuoteCheck::Confirmed,
        v1::QuoteCheck::Unknown => QuoteCheck::Unknown,
        v1::QuoteCheck::Different => QuoteCheck::Different,
    };
    let v1::Quoted {
        id,
        sender,
        text,
        media,
        check: _,
    } = quoted;
    Quoted {
        id: MessageId::new(&id),
        sender: person(sender),
        text,
        media: media.map(|media| Box::new(media_from(media))),
        check,
    }
}

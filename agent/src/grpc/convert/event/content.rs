//! What a message says beside its text.

use openclaw_proto::v1 as pb;

use super::contact;
use crate::model::{Details, Media, Place, Poll, Quoted};

pub(super) fn quoted(quoted: Quoted) -> pb::Quoted {
    let Quoted { id, sender } = quoted;
    pb::Quoted {
        id: id.as_str().to_owned(),
        sender: Some(contact(sender)),
    }
}

pub(super) fn details(details: Details) -> pb::message::Details {
    use pb::message::Details as Wire;
    match details {
        Details::Media(media) => Wire::Media(self::media(media)),
        Details::Place(place) => Wire::Place(self::place(place)),
        Details::Poll(poll) => Wire::Poll(self::poll(poll)),
        Details::Cards(names) => Wire::Cards(pb::Cards { names }),
        Details::Choice(choice) => Wire::Choice(choice),
        Details::About(id) => Wire::AboutId(id.as_str().to_owned()),
        Details::Title(title) => Wire::Title(title),
    }
}

fn media(media: Media) -> pb::Media {
    let Media {
        mime_type,
        file_name,
        bytes,
        seconds,
        pixels: (width, height),
        voice,
    } = media;
    pb::Media {
        mime_type,
        file_name,
        size: bytes,
        seconds,
        width,
        height,
        voice,
    }
}

fn place(place: Place) -> pb::Place {
    let Place {
        latitude_e6,
        longitude_e6,
        name,
        live,
    } = place;
    pb::Place {
        latitude: f64::from(latitude_e6) / 1e6,
        longitude: f64::from(longitude_e6) / 1e6,
        name,
        live,
    }
}

fn poll(poll: Poll) -> pb::Poll {
    let Poll {
        question,
        options,
        selectable,
    } = poll;
    pb::Poll {
        question,
        options,
        selectable,
    }
}

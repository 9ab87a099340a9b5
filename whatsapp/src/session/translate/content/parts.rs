//! Content with several fields: locations, contact cards, buttons and lists, calendar events, invitations, link previews.

use openclaw_types::{
    CalendarEvent, Choice, Choices, ContactCard, GroupInvite, LinkPreview, Location,
};
use whatsapp_rust::waproto::whatsapp as wa;

use super::{MAX_NAMES, cut, name};

/// The maximum number of phone numbers on a contact card, and the maximum length of a card that is searched for them.
const MAX_PHONES: usize = 16;
const MAX_PHONE_BYTES: usize = 64;
const MAX_VCARD_BYTES: usize = 65_536;

/// The preview of a link in the text.
pub(super) fn preview(message: &wa::Message) -> Option<LinkPreview> {
    let text = message.extended_text_message.as_option()?;
    let url = text.matched_text.as_deref().filter(|url| !url.is_empty())?;
    Some(LinkPreview {
        url: name(Some(url)),
        title: name(text.title.as_deref()),
        description: name(text.description.as_deref()),
    })
}

/// The announced numbers of an album's pictures and videos.
pub(super) fn album_parts(message: &wa::Message) -> Option<(u32, u32)> {
    let album = message.album_message.as_option()?;
    let images = album.expected_image_count.unwrap_or_default();
    Some((images, album.expected_video_count.unwrap_or_default()))
}

pub(super) fn location(message: &wa::Message, caption: &str) -> Option<Location> {
    let at = |latitude, longitude, name: String, live| Location {
        latitude_e6: millionths(latitude),
        longitude_e6: millionths(longitude),
        name,
        live,
        caption: caption.to_owned(),
    };
    if let Some(place) = message.location_message.as_option() {
        return Some(at(
            place.degrees_latitude,
            place.degrees_longitude,
            place_name(place),
            place.is_live == Some(true),
        ));
    }
    let place = message.live_location_message.as_option()?;
    Some(at(
        place.degrees_latitude,
        place.degrees_longitude,
        String::new(),
        true,
    ))
}

/// Name and address.
fn place_name(place: &wa::message::LocationMessage) -> String {
    let names = [place.name.as_deref(), place.address.as_deref()];
    let names = names.into_iter().flatten().filter(|name| !name.is_empty());
    let names: Vec<&str> = names.collect();
    name(Some(&names.join(", ")))
}

/// In millionths of a degree. An invalid value becomes the nearest one that can be represented.
fn millionths(degrees: Option<f64>) -> i32 {
    (degrees.unwrap_or_default() * 1e6).round() as i32
}

pub(super) fn cards(message: &wa::Message) -> Option<Vec<ContactCard>> {
    if let Some(only) = message.contact_message.as_option() {
        return Some(vec![card(only)]);
    }
    let cards = message.contacts_array_message.as_option()?;
    Some(cards.contacts.iter().take(MAX_NAMES).map(card).collect())
}

fn card(card: &wa::message::ContactMessage) -> ContactCard {
    let vcard = card.vcard.as_deref().unwrap_or_default();
    let phones = phones_of_vcard(cut(vcard, MAX_VCARD_BYTES));
    ContactCard {
        name: name(card.display_name.as_deref()),
        phones: phones
            .take(MAX_PHONES)
            .map(|it| cut(it, MAX_PHONE_BYTES).to_owned())
            .collect(),
    }
}

/// The values of `TEL` in a vCard (RFC 6350, §6.4.1), as in `item1.TEL;type=CELL;waid=15550100123:+1 555 010 0123`.
fn phones_of_vcard(vcard: &str) -> impl Iterator<Item = &str> {
    vcard.lines().filter_map(|line| {
        let (property, value) = line.split_once(':')?;
        let property = property.split(';').next().unwrap_or_default();
        let property = property.rsplit('.').next().unwrap_or_default();
        let value = value.trim();
        let value = value.strip_prefix("tel:").unwrap_or(value);
        (property.eq_ignore_ascii_case("TEL") && !value.is_empty()).then_some(value)
    })
}

/// The buttons or rows that a business offers.
pub(super) fn choices(message: &wa::Message, text: &str) -> Option<Choices> {
    let option = |id: Option<&str>, text: Option<&str>| Choice {
        id: name(id),
        text: name(text),
    };
    let buttons = message.buttons_message.as_option().map(|message| {
        let buttons = message.buttons.iter().map(|button| {
            let text = button.button_text.as_option();
            option(
                button.button_id.as_deref(),
                text.and_then(|text| text.display_text.as_deref()),
            )
        });
        buttons.take(MAX_NAMES).collect()
    });
    let list = || {
        let list = message.list_message.as_option()?;
        let rows = list.sections.iter().flat_map(|section| &section.rows);
        let rows = rows.map(|row| option(row.row_id.as_deref(), row.title.as_deref()));
        Some(rows.take(MAX_NAMES).collect())
    };
    Some(Choices {
        options: buttons.or_else(list)?,
        text: text.to_owned(),
    })
}

pub(super) fn choice(message: &wa::Message, text: &str) -> Option<Choice> {
    let button = || {
        let answer = message.buttons_response_message.as_option()?;
        answer.selected_button_id.as_deref()
    };
    let row = || {
        let answer = message.list_response_message.as_option()?;
        let row = answer.single_select_reply.as_option()?;
        row.selected_row_id.as_deref()
    };
    let template = || {
        let answer = message.template_button_reply_message.as_option()?;
        answer.selected_id.as_deref()
    };
    let id = button().or_else(row).or_else(template)?;
    Some(Choice {
        id: name(Some(id)),
        text: text.to_owned(),
    })
}

pub(super) fn event(message: &wa::Message, text: &str) -> Option<CalendarEvent> {
    let event = message.event_message.as_option()?;
    Some(CalendarEvent {
        title: name(event.name.as_deref()),
        description: text.to_owned(),
        starts_at: event.start_time.unwrap_or_default(),
        ends_at: event.end_time.unwrap_or_default(),
        place: event
            .location
            .as_option()
            .map(place_name)
            .unwrap_or_default(),
        join_link: name(event.join_link.as_deref()),
        cancelled: event.is_canceled == Some(true),
    })
}

pub(super) fn invite(message: &wa::Message, text: &str) -> Option<GroupInvite> {
    let invite = message.group_invite_message.as_option()?;
    Some(GroupInvite {
        title: name(invite.group_name.as_deref()),
        caption: text.to_owned(),
        group: name(invite.group_jid.as_deref()),
        code: name(invite.invite_code.as_deref()),
        expires_at: invite.invite_expiration.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phones(vcard: &str) -> Vec<&str> {
        phones_of_vcard(vcard).collect()
    }

    #[test]
    fn the_numbers_of_a_card_are_those_of_tel() {
        let card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Bert\r\nitem1.TEL;type=CELL;waid=15550100003:+1 555 010 0003\r\n\
                    item1.X-ABLabel:TEL\r\ntel:5550100004\nTEL;VALUE=uri:tel:+15550100005\nNOTE:TEL:1\nTEL:\nEND:VCARD";
        let found = ["+1 555 010 0003", "5550100004", "+15550100005"];
        assert_eq!(phones(card), found);
        for odd in ["", "TEL", ":", "TEL;:", "\u{1f4de}:1", "TELEX:1", "a.b.TEL"] {
            assert!(phones(odd).is_empty(), "{odd}");
        }
    }
}

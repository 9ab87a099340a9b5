//! Lookups of numbers, and what is known of people.

use openclaw_proto::convert::contact;
use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_state::lookups::{Found, Person};
use openclaw_types::{Contact, Phone, Profile, Recipient};
use pb::get_picture_response::Item;
use prost_types::Timestamp;
use tonic::Status as GrpcStatus;

use super::chats::BadCount;
use crate::edge::grpc::status::invalid;
use crate::link::MAX_NUMBERS_PER_LOOKUP;

pub(in crate::edge::grpc) fn lookup_request(
    request: &pb::LookupRequest,
) -> Result<Vec<Phone>, GrpcStatus> {
    let pb::LookupRequest { numbers } = request;
    if !(1..=MAX_NUMBERS_PER_LOOKUP).contains(&numbers.len()) {
        return Err(invalid("numbers", &BadCount(MAX_NUMBERS_PER_LOOKUP)));
    }
    let numbers = numbers.iter().enumerate();
    numbers
        .map(|(at, number)| {
            let phone = number.parse::<Phone>();
            phone.map_err(|error| invalid(&format!("numbers[{at}]"), &error))
        })
        .collect()
}

pub(in crate::edge::grpc) fn looked_up(found: Vec<(Phone, Found)>) -> pb::LookupResponse {
    pb::LookupResponse {
        results: found.into_iter().map(result).collect(),
    }
}

fn result((asked, found): (Phone, Found)) -> pb::LookupResult {
    let Found { person, at } = found;
    let business = person.as_ref().is_some_and(|person| person.business);
    pb::LookupResult {
        number: asked.e164(),
        on_whatsapp: person.is_some(),
        contact: person.map(|Person { phone, lid, .. }| {
            let phone = Some(phone);
            contact(Contact { phone, lid })
        }),
        business,
        checked_at: Some(Timestamp::from(clock::shown(at))),
    }
}

/// A group where a person is needed.
#[derive(Debug, thiserror::Error)]
#[error("is a group: give a number or a LID (\"...@lid\")")]
struct NotAPerson;

pub(in crate::edge::grpc) fn contact_request(
    request: &pb::GetContactRequest,
) -> Result<(Contact, bool), GrpcStatus> {
    let pb::GetContactRequest { contact, refresh } = request;
    Ok((person("contact", contact)?, *refresh))
}

/// A person, by a number or a LID.
pub(super) fn person(field: &str, text: &str) -> Result<Contact, GrpcStatus> {
    let recipient: Recipient = text.parse().map_err(|error| invalid(field, &error))?;
    let person = recipient.into_contact();
    person.ok_or_else(|| invalid(field, &NotAPerson))
}

pub(in crate::edge::grpc) fn contact_info(profile: Profile) -> pb::ContactInfo {
    let Profile {
        contact: who,
        push_name,
        saved_name,
        business,
        verified_name,
        about,
        about_set_at,
        picture_id,
        asked_at,
        outdated: _,
        used_at: _,
    } = profile;
    pb::ContactInfo {
        contact: Some(contact(who)),
        push_name,
        saved_name,
        business,
        verified_name,
        about,
        about_set_at: about_set_at.map(Timestamp::from),
        picture_id,
        asked_at: asked_at.map(|at| Timestamp::from(clock::shown(at))),
    }
}

pub(in crate::edge::grpc) fn picture_request(
    request: &pb::GetPictureRequest,
) -> Result<(Recipient, bool), GrpcStatus> {
    let pb::GetPictureRequest { of, preview } = request;
    let of = of.parse().map_err(|error| invalid("of", &error))?;
    Ok((of, *preview))
}

pub(in crate::edge::grpc) fn picture_start(
    picture_id: String,
    bytes: usize,
) -> pb::GetPictureResponse {
    let start = pb::PictureStart {
        picture_id,
        mime_type: "image/jpeg".to_owned(),
        size_bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
    };
    pb::GetPictureResponse {
        item: Some(Item::Start(start)),
    }
}

pub(in crate::edge::grpc) fn picture_chunk(bytes: Vec<u8>) -> pb::GetPictureResponse {
    pb::GetPictureResponse {
        item: Some(Item::Chunk(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_strictly_and_not_repeated() {
        let request = |numbers: &[&str]| {
            let numbers = numbers.iter().map(|&number| number.to_owned()).collect();
            lookup_request(&pb::LookupRequest { numbers })
        };
        assert!(request(&["+15550100002"; MAX_NUMBERS_PER_LOOKUP]).is_ok());
        for bad in [
            &[][..],
            &["+15550100002"; MAX_NUMBERS_PER_LOOKUP + 1],
            &["SECRET"],
            &["+15550100002", "1@lid"],
        ] {
            let refused = request(bad).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument);
            assert!(refused.message().starts_with("numbers"));
            assert!(!refused.message().contains("SECRET"));
        }
    }
    #[test]
    fn a_contact_is_a_person_and_is_not_repeated() {
        for (contact, is_read) in [
            ("+15550100002", true),
            ("100000000000002@lid", true),
            ("120363000000000001@g.us", false),
            ("SECRET", false),
            ("", false),
        ] {
            let contact = contact.to_owned();
            let read = contact_request(&pb::GetContactRequest {
                contact,
                refresh: false,
            });
            assert_eq!(read.is_ok(), is_read);
            let message = read.map_or_else(|error| error.message().to_owned(), |_| String::new());
            assert!(!message.contains("SECRET"), "{message}");
        }
    }
}

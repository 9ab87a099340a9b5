//! Lookups of numbers.

use openclaw_proto::convert::contact;
use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_state::lookups::{Found, Person};
use openclaw_types::{Contact, Phone};
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
}

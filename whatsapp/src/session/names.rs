//! Queries WhatsApp for the LIDs of numbers: those in the rules, those of senders who are known only by number, and those
//! that clients look up.

use std::collections::HashMap;

use openclaw_types::{Contact, Lid, Phone};
use whatsapp_rust::Jid;
use whatsapp_rust::request::IqError;

use super::Session;

/// The maximum number of phone numbers in one query.
pub const MAX_NUMBERS_PER_QUERY: usize = 50;

/// WhatsApp's answer about a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whether the number is on WhatsApp.
    pub registered: bool,
    /// The number as WhatsApp spells it.
    pub number: Option<Phone>,
    /// Its LID, if it has one.
    pub lid: Option<Lid>,
    /// Whether it is a business account.
    pub business: bool,
}

/// Why the query failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The connection was lost, or no answer arrived in time.
    #[error("the connection to WhatsApp was lost")]
    ConnectionLost,
    /// WhatsApp refused, with its code.
    #[error("WhatsApp refused with code {0}")]
    Refused(u16),
}

impl From<IqError> for QueryError {
    fn from(error: IqError) -> Self {
        match error {
            IqError::ServerError { code, .. } => Self::Refused(code),
            // WhatsApp answered, but a part of the answer was an error.
            IqError::ParseError(_) => Self::Refused(0),
            _ => Self::ConnectionLost,
        }
    }
}

/// The LID and the number of a person, as JIDs, where they are known.
pub(super) fn jids(who: &Contact) -> [Option<Jid>; 2] {
    [
        who.lid.as_ref().map(|lid| Jid::lid(lid.user())),
        who.phone.as_ref().map(|phone| Jid::pn(phone.digits())),
    ]
}

impl Session {
    /// The LIDs of at most [`MAX_NUMBERS_PER_QUERY`] numbers; `None` for a number without a LID.
    pub async fn lids_of(&self, phones: &[Phone]) -> Result<Vec<(Phone, Option<Lid>)>, QueryError> {
        let named = self.look_up(phones).await?;
        Ok(named
            .into_iter()
            .map(|(phone, named)| (phone, named.lid))
            .collect())
    }

    /// What WhatsApp knows of at most [`MAX_NUMBERS_PER_QUERY`] numbers.
    pub async fn look_up(&self, phones: &[Phone]) -> Result<Vec<(Phone, Named)>, QueryError> {
        let jids: Vec<_> = phones.iter().map(|phone| Jid::pn(phone.digits())).collect();
        let mut answers: HashMap<_, _> = self.ask(&jids).await?.into_iter().collect();
        let mut found = Vec::with_capacity(phones.len());
        let mut open = Vec::new();
        for phone in phones {
            match answers.remove(phone.digits()) {
                Some(named) => found.push((phone.clone(), named)),
                None => open.push(phone),
            }
        }
        for phone in open {
            // WhatsApp answers with its own spelling of a number. If that is an unknown spelling, the number is
            // queried again alone: the answer then belongs to it.
            let spelled = spellings(phone.digits())
                .into_iter()
                .find_map(|digits| answers.remove(&digits));
            let named = match spelled {
                Some(named) => named,
                None => self.name(phone).await?,
            };
            found.push((phone.clone(), named));
        }
        for (phone, named) in &found {
            self.learn_spelling(phone, named);
        }
        Ok(found)
    }

    /// Queries one number.
    pub async fn name(&self, phone: &Phone) -> Result<Named, QueryError> {
        let answers = self.ask(&[Jid::pn(phone.digits())]).await?;
        let named = answers.into_iter().next().map(|(_, named)| named);
        let named = named.unwrap_or(Named {
            registered: false,
            number: None,
            lid: None,
            business: false,
        });
        self.learn_spelling(phone, &named);
        Ok(named)
    }

    fn learn_spelling(
        &self,
        asked: &Phone,
        Named {
            registered, number, ..
        }: &Named,
    ) {
        if let Some(number) = number.as_ref().filter(|_| *registered) {
            self.store.learn_spelling(asked, number);
        }
    }

    /// The answers, each with the digits of its number.
    pub(super) async fn ask(&self, jids: &[Jid]) -> Result<Vec<(String, Named)>, QueryError> {
        let found = self.client.contacts().is_on_whatsapp(jids).await?;
        let answers = found.into_iter().map(|answer| {
            let is_lid = answer.jid.is_lid();
            let lid = if is_lid {
                Some(&answer.jid)
            } else {
                answer.lid.as_ref()
            };
            let number = if is_lid {
                answer.pn_jid.as_ref()
            } else {
                Some(&answer.jid)
            };
            let user = number.map(|jid| jid.user.to_string()).unwrap_or_default();
            let named = Named {
                registered: answer.is_registered,
                number: Phone::of_digits(&user),
                business: answer.is_business,
                lid: lid.and_then(|jid| Lid::new(&jid.user)),
            };
            (user, named)
        });
        Ok(answers.collect())
    }
}

/// The spellings with which WhatsApp may answer for a number: Brazil's mobile numbers with and without their ninth
/// digit, Mexico's with and without the 1, Argentina's with and without the 9 after the country code.
///
/// This only matches an answer with its query. Whether two spellings are one person is decided by the LID.
fn spellings(digits: &str) -> Vec<String> {
    let insert = |at: usize, digit: char| {
        let mut longer = digits.to_owned();
        longer.insert(at, digit);
        vec![longer]
    };
    let remove = |at: usize| {
        let mut shorter = digits.to_owned();
        shorter.remove(at);
        vec![shorter]
    };
    let third = digits.as_bytes().get(2);
    match (digits.get(..2), digits.len()) {
        (Some("55"), 12) => insert(4, '9'),
        (Some("55"), 13) if digits.as_bytes()[4] == b'9' => remove(4),
        (Some("52"), 12) => insert(2, '1'),
        (Some("52"), 13) if third == Some(&b'1') => remove(2),
        (Some("54"), 12) => insert(2, '9'),
        (Some("54"), 13) if third == Some(&b'9') => remove(2),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_matched_to_its_query_in_either_spelling() {
        for (one, other) in [
            ("5511955501234", "551155501234"),
            ("5215555550123", "525555550123"),
            ("5491155550123", "541155550123"),
        ] {
            assert_eq!(spellings(one), [other]);
            assert_eq!(spellings(other), [one]);
        }
        for digits in ["15550100002", "442071234567", "5511855501234", "55", ""] {
            assert!(spellings(digits).is_empty(), "{digits}");
        }
    }
}

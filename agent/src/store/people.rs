//! Who is who: a person's number and LID, where WhatsApp has told that they are the same person's.

use super::{Store, lids};
use crate::model::{Contact, Lid, Occurrence, Phone};

impl Store {
    /// A person's LID for the JID of their number, and the other way round, where it is known.
    #[must_use]
    pub fn other_name(&self, jid: &str) -> Option<String> {
        let (user, server) = jid.split_once('@')?;
        match server {
            "lid" => {
                let mapping = lids::by_lid(&self.records, user)?;
                Some(format!("{}@s.whatsapp.net", mapping.phone_number))
            }
            "s.whatsapp.net" => {
                let mapping = lids::by_number(&self.records, user)?;
                Some(format!("{}@lid", mapping.lid))
            }
            _ => None,
        }
    }

    /// The same with number and LID of everybody in it, where they are known: a stanza often tells
    /// one of them only.
    #[must_use]
    pub fn introduce(&self, mut what: Occurrence) -> Occurrence {
        for contact in what.people_mut() {
            self.complete(contact);
        }
        what
    }

    fn complete(&self, contact: &mut Contact) {
        let Contact { phone, lid } = contact;
        match (&phone, &lid) {
            (None, Some(known)) => {
                *phone = lids::number_of(&self.records, known.user())
                    .and_then(|number| Phone::of_digits(&number));
            }
            (Some(known), None) => {
                *lid = lids::by_number(&self.records, known.digits())
                    .and_then(|mapping| Lid::new(&mapping.lid));
            }
            _ => {}
        }
    }
}

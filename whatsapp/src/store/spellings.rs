//! Numbers that WhatsApp spells in another way than people do: Brazil's ninth digit, Mexico's 1, Argentina's 9. A message to the
//! other spelling finds no devices.
//!
//! Numbers are paired, not persons: who has the number is a question for the mappings.

use openclaw_state::vault::Tables;
use openclaw_types::{Phone, Recipient};
use openclaw_vault::Key;

use super::Store;
use super::records::{Records, taken};

/// The maximum number of stored spellings. Further ones are asked for again by the next process.
const MAX_SPELLINGS: usize = 4_096;

fn row(number: &str) -> Key<'_> {
    Key::new(Tables::SPELLINGS, "", number)
}

/// How WhatsApp spells a number, if in another way.
pub(super) fn of(records: &Records, number: &str) -> Option<String> {
    String::from_utf8(taken(records.vault.load(row(number))?)).ok()
}

impl Store {
    /// Records how WhatsApp spells a number. Only written if it changes; becomes durable with the next commit of the vault.
    pub(crate) fn learn_spelling(&self, number: &Phone, spelling: &Phone) {
        let (number, spelling) = (number.digits(), spelling.digits());
        self.vault().update(|update| {
            let known = update.load(row(number));
            let known = known.as_ref().map(|known| known.as_slice());
            if number == spelling {
                if known.is_some() {
                    update.batch().delete(row(number));
                }
            } else if known != Some(spelling.as_bytes())
                && (known.is_some() || update.count(Tables::SPELLINGS) < MAX_SPELLINGS)
            {
                update.batch().put(row(number), spelling.as_bytes());
            }
        });
    }

    /// The recipient with their number as WhatsApp spells it, as far as that is known.
    #[must_use]
    pub fn spelled(&self, to: &Recipient) -> Recipient {
        let Recipient::Phone(phone) = to else {
            return to.clone();
        };
        let spelling = of(&self.records, phone.digits());
        let spelling = spelling.and_then(|digits| Phone::of_digits(&digits));
        spelling.map_or_else(|| to.clone(), Recipient::Phone)
    }
}

#[cfg(test)]
mod tests {
    use openclaw_state::vault::trial::Volume;
    use openclaw_types::ChatId;

    use super::*;

    #[tokio::test]
    async fn a_person_is_found_under_the_spelling_that_whatsapp_does_not_use() {
        let phone = |text: &str| text.parse::<Phone>().unwrap();
        let (written, spelled) = (phone("+5511955501234"), phone("+551155501234"));
        let volume = Volume::new();
        let store = Store::new(volume.vault.clone());
        let jid = |phone: &Phone| format!("{}@s.whatsapp.net", phone.digits());
        let chat = ChatId::new(jid(&written));
        let to = Recipient::Phone(written.clone());
        assert_eq!(store.spelled(&to), to);
        store.learn_spelling(&written, &spelled);
        assert_eq!(store.spelled(&to), Recipient::Phone(spelled.clone()));
        let name = store.chat_name(&chat);
        assert_eq!(name, Some(ChatId::new(jid(&spelled))));
        store.learn(&jid(&spelled), "100000000000001@lid");
        let name = store.chat_name(&chat);
        assert_eq!(name, Some(ChatId::new("100000000000001@lid".to_owned())));
        // The number of the LID is the one that WhatsApp uses.
        let number = store.other_name("100000000000001@lid");
        assert_eq!(number, Some(jid(&spelled)));
        // WhatsApp uses the other spelling by now.
        store.learn_spelling(&written, &written);
        assert_eq!(store.spelled(&to), to);
        assert_eq!(store.chat_name(&chat), None);
    }
}

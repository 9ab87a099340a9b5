//! Filters for events: by kind and by chat.

use std::collections::HashSet;

use super::{EventData, KindSet};
use crate::chat_kind::{ChatKind, ChatKinds};
use crate::{ChatId, Contact, Lid, Phone, RecipientError};

/// The maximum number of chats in a filter.
pub const MAX_CHATS: usize = 256;

/// A filter. The default passes every event.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The kinds of events.
    pub kinds: KindSet,
    /// The chats.
    pub chats: ChatSet,
    /// The kinds of chats. A chat that is listed in `chats` passes whatever its kind.
    pub chat_kinds: ChatKinds,
}

/// A set of chats. The empty set stands for all chats, and for events outside of any chat.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChatSet(HashSet<String>);

/// Contains phone numbers: `Debug` shows only how many chats there are.
impl std::fmt::Debug for ChatSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} chats", self.0.len())
    }
}

impl ChatSet {
    /// Adds a chat: a number, a LID or a JID.
    ///
    /// # Errors
    /// The text names no chat.
    pub fn add(&mut self, text: &str) -> Result<(), RecipientError> {
        let chat: ChatId = text.parse()?;
        self.0.insert(chat.jid().to_owned());
        Ok(())
    }

    /// Whether it names this chat, by either name of its person. `other_name` is that of [`Filter::passes`].
    pub fn names_chat(
        &self,
        chat: &ChatId,
        other_name: impl FnOnce(&str) -> Option<String>,
    ) -> bool {
        self.0.contains(chat.jid())
            || chat.is_person() && other_name(chat.jid()).is_some_and(|jid| self.0.contains(&jid))
    }
}

impl Filter {
    /// Adds the known LIDs of the phone numbers in the set. Returns the numbers whose LID is not known.
    pub fn name_by_lid(
        &mut self,
        mut numbers: Vec<Phone>,
        lid_of: impl Fn(&Phone) -> Option<Lid>,
    ) -> Vec<Phone> {
        numbers.retain(|phone| match lid_of(phone) {
            Some(lid) => self.chats.add(&lid.jid()).is_err(),
            None => true,
        });
        numbers
    }

    /// Returns true if the event passes. `other_name` maps a person's number JID to the LID JID and vice versa, if
    /// known.
    pub fn passes(
        &self,
        what: &EventData,
        other_name: impl FnOnce(&str) -> Option<String>,
    ) -> bool {
        if !self.kinds.contains(what.kind()) {
            return false;
        }
        let Self {
            chats, chat_kinds, ..
        } = self;
        if matches!(what, EventData::Unknown) {
            return true;
        }
        let Some(chat) = what.chat() else {
            return chats.0.is_empty();
        };
        if chats.0.is_empty() {
            return chat_kinds.contains(ChatKind::of(chat));
        }
        chats.names_chat(chat, other_name)
            || chat.is_person() && what.other_side().is_some_and(|who| chats.names(who))
    }
}

impl ChatSet {
    fn names(&self, who: &Contact) -> bool {
        let Contact { phone, lid } = who;
        let phone = phone.as_ref().map(|phone| phone_jid(phone.digits()));
        let lid = lid.as_ref().map(Lid::jid);
        [phone, lid]
            .iter()
            .flatten()
            .any(|jid| self.0.contains(jid))
    }
}

fn phone_jid(digits: &str) -> String {
    format!("{digits}@s.whatsapp.net")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Lost, Receipt};
    use crate::{Kind, MessageId, SendState};

    fn filter(chats: &[&str]) -> Filter {
        let mut filter = Filter::default();
        for chat in chats {
            filter.chats.add(chat).unwrap();
        }
        filter
    }

    fn receipt(chat: &str, phone: Option<&str>) -> EventData {
        EventData::Receipt(Receipt {
            messages: vec![],
            chat: ChatId::new(chat.into()),
            by: Contact {
                phone: phone.map(|phone| phone.parse().unwrap()),
                lid: None,
            },
            state: SendState::Read,
            check: crate::AuthorCheck::Checked,
        })
    }

    #[test]
    fn a_chat_matches_by_number_and_by_lid() {
        let by_number = filter(&["+1 555 010-0123"]);
        let nothing = |_: &str| None;
        assert!(by_number.passes(&receipt("15550100123@s.whatsapp.net", None), nothing));
        assert!(by_number.passes(
            &receipt("100000000000001@lid", Some("+15550100123")),
            nothing
        ));
        assert!(!by_number.passes(&receipt("100000000000001@lid", None), nothing));
        let known = |_: &str| Some("15550100123@s.whatsapp.net".to_owned());
        assert!(by_number.passes(&receipt("100000000000001@lid", None), known));
        let group = receipt("120363000000000001@g.us", Some("+15550100123"));
        assert!(
            !by_number.passes(&group, known),
            "a member's chat is not the group's"
        );
        assert!(filter(&["120363000000000001@g.us"]).passes(&group, nothing));
    }

    #[test]
    fn statuses_and_channels_pass_only_if_requested() {
        for jid in ["status@broadcast", "12@newsletter"] {
            let event = receipt(jid, None);
            assert!(!Filter::default().passes(&event, |_| None), "{jid}");
            assert!(filter(&[jid]).passes(&event, |_| None), "{jid}");
            let asked = Filter {
                chat_kinds: ChatKinds::of([ChatKind::Status, ChatKind::Channel]),
                ..Filter::default()
            };
            assert!(asked.passes(&event, |_| None), "{jid}");
            assert!(!asked.passes(&receipt("1@lid", None), |_| None));
            assert!(asked.passes(&EventData::Unknown, |_| None));
        }
    }

    #[test]
    fn an_empty_list_of_chats_means_all_events() {
        let link = EventData::Unknown;
        assert!(Filter::default().passes(&link, |_| None));
        assert!(Filter::default().passes(&receipt("1@lid", None), |_| None));
        let lost = EventData::Lost(Lost {
            id: MessageId::new("A"),
            chat: ChatId::new("1@lid".into()),
            sender: Contact::default(),
            from_me: None,
            sent_at: None,
            offline: None,
            reason: crate::LostReason::NotKept,
        });
        assert!(!filter(&["2@lid"]).passes(&lost, |_| None));
        let kinds = Filter {
            kinds: KindSet::of([Kind::Message]),
            ..filter(&["1@lid"])
        };
        assert!(!kinds.passes(&lost, |_| None), "both must fit");
    }

    #[test]
    fn chats_are_numbers_lids_groups_and_channels() {
        for good in [
            "+15550100123",
            "1@lid",
            "120363000000000001@g.us",
            "12@newsletter",
            "status@broadcast",
        ] {
            assert!(ChatSet::default().add(good).is_ok(), "{good}");
        }
        for bad in ["", "x@newsletter", "anna", "1@example.org"] {
            assert!(ChatSet::default().add(bad).is_err(), "{bad}");
        }
    }
}

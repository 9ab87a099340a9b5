//! Who is who: a person's number and LID, where WhatsApp has told that they are the same person's.

use super::records::Records;
use super::{Store, lids};
use crate::journal::MessageName;
use crate::model::{ChatId, Contact, Lid, Occurrence, Phone};

impl Store {
    /// A person's LID for the JID of their number, and the other way round, where it is known.
    #[must_use]
    pub fn other_name(&self, jid: &str) -> Option<String> {
        self.records.other_name(jid)
    }

    /// The name of a chat: a person's LID where it is known, else the number.
    #[must_use]
    pub fn chat_name(&self, chat: &ChatId) -> Option<ChatId> {
        let by_number = chat.jid().ends_with("@s.whatsapp.net");
        let lid = by_number.then(|| self.other_name(chat.jid()));
        lid.flatten().map(ChatId::new)
    }

    /// What names a message that the wire names by these addresses, with the other addresses of its chat and its sender that
    /// came along.
    pub(crate) fn message_name(
        &self,
        [chat, sender]: [&str; 2],
        [chat_too, sender_too]: [Option<&str>; 2],
        id: &str,
    ) -> MessageName {
        self.records
            .message_name([chat, sender], [chat_too, sender_too], id)
    }

    /// All names that are known of an address, a person's LID first; `too` came along with it.
    pub(crate) fn names(&self, jid: &str, too: Option<&str>) -> Vec<String> {
        self.records.names(jid, too)
    }

    /// The account itself, as far as it is known.
    pub(crate) fn account(&self) -> Option<Contact> {
        self.records.account()
    }

    /// Whether this is the account itself, where that can be told.
    pub(crate) fn is_account(&self, who: &Contact) -> Option<bool> {
        self.records.is_account(who)
    }

    /// As [`Store::introduce`], of one person.
    pub(crate) fn introduce_person(&self, mut contact: Contact) -> Contact {
        self.complete(&mut contact);
        contact
    }

    /// The same with number and LID of everybody in it, where they are known, and with one name for the chat: a stanza
    /// often has one of them only.
    #[must_use]
    pub fn introduce(&self, mut what: Occurrence) -> Occurrence {
        for contact in what.people_mut() {
            self.complete(contact);
        }
        let by_number = |chat: &&ChatId| chat.jid().ends_with("@s.whatsapp.net");
        if let Some(chat) = what.chat().filter(by_number) {
            let lid = what.other_side().and_then(|who| who.lid.as_ref());
            let name = lid.map(|lid| ChatId::new(lid.jid()));
            if let Some(name) = name.or_else(|| self.chat_name(chat)) {
                what.rename_chat(name);
            }
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

impl Records {
    fn account(&self) -> Option<Contact> {
        let device = self.device().ok()??;
        let jids = [device.pn.as_ref(), device.lid.as_ref()];
        let [by_number, by_lid] = jids.map(|jid| {
            jid.map(|jid| Contact::of_jid(&jid.to_string()))
                .unwrap_or_default()
        });
        Some(Contact {
            phone: by_number.phone,
            lid: by_lid.lid,
        })
    }

    pub(super) fn is_account(&self, who: &Contact) -> Option<bool> {
        let Contact { phone, lid } = self.account()?;
        let by_number = phone.zip(who.phone.clone()).map(|(own, it)| own == it);
        let by_lid = lid.zip(who.lid.clone()).map(|(own, it)| own == it);
        by_number.max(by_lid)
    }

    fn other_name(&self, jid: &str) -> Option<String> {
        let (user, server) = jid.split_once('@')?;
        match server {
            "lid" => {
                let mapping = lids::by_lid(self, user)?;
                Some(format!("{}@s.whatsapp.net", mapping.phone_number))
            }
            "s.whatsapp.net" => {
                let mapping = lids::by_number(self, user)?;
                Some(format!("{}@lid", mapping.lid))
            }
            _ => None,
        }
    }

    /// See [`Store::message_name`].
    pub(super) fn message_name(
        &self,
        [chat, sender]: [&str; 2],
        [chat_too, sender_too]: [Option<&str>; 2],
        id: &str,
    ) -> MessageName {
        let senders = self.names(sender, sender_too);
        let chats = match ChatId::of_jid(chat) {
            chat if senders.iter().any(|name| name == chat.jid()) => senders.clone(),
            _ => self.names(chat, chat_too),
        };
        MessageName::new(chats, senders, id).addressed(chat, sender)
    }

    /// All names that are known of an address, a person's LID first.
    fn names(&self, jid: &str, too: Option<&str>) -> Vec<String> {
        let name = ChatId::of_jid(jid);
        if !name.is_person() {
            return vec![name.jid().to_owned()];
        }
        let other = too.map(ChatId::of_jid).filter(|other| *other != name);
        let other = other.filter(ChatId::is_person);
        let other = other.map(|other| other.jid().to_owned());
        let other = other.or_else(|| self.other_name(name.jid()));
        let mut names: Vec<_> = [Some(name.jid().to_owned()), other]
            .into_iter()
            .flatten()
            .collect();
        names.sort_by_key(|name| !name.ends_with("@lid"));
        names
    }
}

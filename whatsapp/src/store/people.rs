//! Which number and LID belong to one person, according to WhatsApp.

use std::time::SystemTime;

use openclaw_state::allow::Book as _;
use openclaw_state::journal::MessageName;
use openclaw_state::people::People;
use openclaw_types::{ChatId, Contact, EventData};

use super::records::Records;
use super::{Store, lids, shown, spellings};

impl Store {
    /// The LID for a number's JID and vice versa, if known.
    #[must_use]
    pub fn other_name(&self, jid: &str) -> Option<String> {
        self.records.other_name(jid)
    }

    /// The canonical id of a chat: a person's LID if known, else the number as WhatsApp spells it. `None` if the chat has no
    /// other name.
    #[must_use]
    pub fn chat_name(&self, chat: &ChatId) -> Option<ChatId> {
        let number = user(chat, "s.whatsapp.net")?;
        let name = self.other_name(chat.jid()).or_else(|| {
            let spelling = spellings::of(&self.records, number)?;
            Some(format!("{spelling}@s.whatsapp.net"))
        });
        name.map(ChatId::new)
    }

    /// The chat under its canonical id.
    #[must_use]
    pub fn canonical(&self, chat: ChatId) -> ChatId {
        self.chat_name(&chat).unwrap_or(chat)
    }

    /// Records that these two addresses, a LID and a number, belong to one person, if that is new. Becomes durable
    /// with the next commit of the vault.
    pub(crate) fn learn(&self, address: &str, other: &str) {
        let (one, two) = (ChatId::of_jid(address), ChatId::of_jid(other));
        let pair = |lid, number| Some((user(lid, "lid")?, user(number, "s.whatsapp.net")?));
        let Some((lid, number)) = pair(&one, &two).or_else(|| pair(&two, &one)) else {
            return;
        };
        if lids::number_of(&self.records, lid).as_deref() != Some(number) {
            shown::put(&self.records, lid, number);
        }
    }

    /// The name of a message with these addresses on the wire, with further addresses of its chat and sender from the
    /// same stanza.
    pub(crate) fn message_name(
        &self,
        [chat, sender]: [&str; 2],
        [chat_too, sender_too]: [Option<&str>; 2],
        id: &str,
    ) -> MessageName {
        self.records
            .message_name([chat, sender], [chat_too, sender_too], id)
    }

    /// All known addresses of a person, the LID first; `too` is a further address from the same stanza.
    pub(crate) fn names(&self, jid: &str, too: Option<&str>) -> Vec<String> {
        self.records.names(jid, too)
    }

    /// True if this is the account itself; `None` if that is unknown.
    pub(crate) fn is_account(&self, who: &Contact) -> Option<bool> {
        self.records.is_account(who)
    }

    fn complete(&self, contact: &mut Contact) {
        let Contact { phone, lid } = contact;
        match (&phone, &lid) {
            (None, Some(known)) => *phone = self.number_of(known),
            (Some(known), None) => *lid = self.lid_of(known),
            _ => {}
        }
    }
}

impl People for Store {
    fn account(&self) -> Option<Contact> {
        self.records.account()
    }

    fn resolve_contact(&self, mut contact: Contact) -> Contact {
        self.complete(&mut contact);
        contact
    }

    fn resolve_contacts(&self, mut what: EventData) -> EventData {
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

    fn learn_name(&self, what: &EventData, now: SystemTime) {
        let Some(origin) = what.origin().filter(|origin| !origin.from_me) else {
            return;
        };
        let name = &origin.push_name;
        if !name.is_empty() && !self.is_seen_as(&origin.sender, name, now) {
            self.see(&origin.sender, now, |profile| {
                profile.push_name.clone_from(name);
            });
        }
    }
}

/// The user part of an address, if it is on this server.
fn user<'a>(address: &'a ChatId, server: &str) -> Option<&'a str> {
    let (user, its) = address.jid().split_once('@')?;
    (its == server && !user.is_empty()).then_some(user)
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
                let number = lids::number_of_lid(self, user)?;
                Some(format!("{number}@s.whatsapp.net"))
            }
            "s.whatsapp.net" => {
                let lid = lids::lid_of_number(self, user)?;
                Some(format!("{lid}@lid"))
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

    /// All known addresses of a person, the LID first.
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

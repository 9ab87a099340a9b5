//! Contact cards, and group invitations.

use buffa::MessageField;
use serde::{Deserialize, Serialize};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::{ContactMessage, ContactsArrayMessage, GroupInviteMessage};

/// A contact card.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The name shown.
    pub name: String,
    /// The vCard.
    pub vcard: String,
}

impl Card {
    fn contact(&self) -> ContactMessage {
        ContactMessage {
            display_name: Some(self.name.clone()),
            vcard: Some(self.vcard.clone()),
            ..Default::default()
        }
    }

    pub(crate) fn of(contact: &ContactMessage) -> Self {
        Self {
            name: contact.display_name.clone().unwrap_or_default(),
            vcard: contact.vcard.clone().unwrap_or_default(),
        }
    }
}

/// One card and several cards are different kinds of messages.
pub(crate) fn contacts(cards: &[Card]) -> wa::Message {
    if let [card] = cards {
        return wa::Message {
            contact_message: MessageField::some(card.contact()),
            ..Default::default()
        };
    }
    let several = ContactsArrayMessage {
        display_name: Some(format!("{} contacts", cards.len())),
        contacts: cards.iter().map(Card::contact).collect(),
        ..Default::default()
    };
    wa::Message {
        contacts_array_message: MessageField::some(several),
        ..Default::default()
    }
}

/// A group invitation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Invite {
    /// The group's JID.
    pub group: String,
    /// Its name.
    pub name: String,
    /// The code, with which the recipient joins.
    pub code: String,
    /// The expiry, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<i64>,
    /// The sender's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
}

impl Invite {
    pub(crate) fn message(&self) -> wa::Message {
        let invite = GroupInviteMessage {
            group_jid: Some(self.group.clone()),
            group_name: Some(self.name.clone()),
            invite_code: Some(self.code.clone()),
            invite_expiration: self.expires,
            caption: self.caption.clone(),
            ..Default::default()
        };
        wa::Message {
            group_invite_message: MessageField::some(invite),
            ..Default::default()
        }
    }

    pub(crate) fn of(invite: &GroupInviteMessage) -> Self {
        Self {
            group: invite.group_jid.clone().unwrap_or_default(),
            name: invite.group_name.clone().unwrap_or_default(),
            code: invite.invite_code.clone().unwrap_or_default(),
            expires: invite.invite_expiration,
            caption: invite.caption.clone(),
        }
    }
}

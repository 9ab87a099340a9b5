//! `--send-to`: to whom this server sends, in addition to the limits of the agent.

use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{Contact, Event, GetContactRequest};

use crate::address::Address;
use crate::client;
use crate::failure::{Exit, Failure};
use crate::numbers::recipient;

/// The recipients; `None` is everyone.
pub(super) struct Recipients(Option<Vec<String>>);

/// The chat of an event, in every form that is known.
struct Chat {
    /// As a recipient.
    address: String,
    contact: Option<Contact>,
}

impl Recipients {
    /// # Errors
    /// One is invalid.
    pub(super) fn parse(given: &[String]) -> Result<Self, Failure> {
        if given.is_empty() {
            return Ok(Self(None));
        }
        let given = given.iter().map(|given| recipient("--send-to", given));
        Ok(Self(Some(given.collect::<Result<_, _>>()?)))
    }

    /// The recipients, if they are limited.
    pub(super) fn limit(&self) -> Option<&[String]> {
        self.0.as_deref()
    }

    /// Checks a recipient, as [`recipient`] returns it. Where the other form of the person may be listed, the agent is
    /// asked for it.
    ///
    /// # Errors
    /// It is not listed.
    pub(super) async fn check(&self, address: &Address, to: &str) -> Result<(), Failure> {
        let Some(allowed) = &self.0 else {
            return Ok(());
        };
        if covers(allowed, to, None) {
            return Ok(());
        }
        if to.ends_with("@g.us") {
            return Err(refused());
        }
        let mut contacts = client::contacts(address).await?;
        let call = contacts.get_contact(GetContactRequest {
            contact: to.to_owned(),
            refresh: false,
        });
        let found = client::answer(address, call).await.ok();
        let contact = found.and_then(|found| found.contact?.contact);
        match covers(allowed, to, contact.as_ref()) {
            true => Ok(()),
            false => Err(refused()),
        }
    }

    /// Checks the chat of an event. Returns it as a recipient.
    ///
    /// # Errors
    /// It is not listed, or the event has no chat.
    pub(super) fn check_event(&self, event: &Event) -> Result<String, Failure> {
        let chat = Chat::of(event).ok_or_else(|| {
            Failure::usage("that event has no chat that can be written to")
                .with_reason("NOT_A_MESSAGE")
        })?;
        match &self.0 {
            Some(allowed) if !covers(allowed, &chat.address, chat.contact.as_ref()) => {
                Err(refused())
            }
            _ => Ok(chat.address),
        }
    }
}

impl Chat {
    fn of(event: &Event) -> Option<Self> {
        let chat = match event.kind.as_ref()? {
            Kind::Outcome(outcome) => &outcome.chat,
            Kind::Receipt(receipt) => &receipt.chat,
            kind => &kind.origin()?.chat,
        };
        Some(Self {
            address: recipient("chat", chat).ok()?,
            contact: event.chat_with.clone(),
        })
    }
}

fn covers(allowed: &[String], to: &str, contact: Option<&Contact>) -> bool {
    let known = contact.map_or([to; 3], |contact| [to, &contact.phone, &contact.lid]);
    allowed
        .iter()
        .any(|allowed| known.contains(&allowed.as_str()))
}

fn refused() -> Failure {
    Failure::new("this server may not send to that recipient")
        .with_exit(Exit::Refused)
        .with_reason("NOT_IN_SEND_TO")
        .with_hint("only the operator can change that: `--send-to` of `openclawctl mcp`")
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::{Message, Origin};

    use super::*;

    fn event(chat: &str, phone: &str, lid: &str) -> Event {
        let origin = Some(Origin {
            chat: chat.to_owned(),
            ..Origin::default()
        });
        Event {
            kind: Some(Kind::Message(Message {
                origin,
                ..Message::default()
            })),
            chat_with: (!phone.is_empty()).then(|| Contact {
                phone: phone.to_owned(),
                lid: lid.to_owned(),
            }),
            ..Event::default()
        }
    }

    #[test]
    fn a_chat_is_listed_by_number_by_lid_or_by_group() {
        let (anna, group) = ("+15550100002", "120363000000000001@g.us");
        let lid = "100000000000002@lid";
        for (listed, chat, phone, allowed) in [
            (anna, lid, anna, true),
            (anna, "15550100002@s.whatsapp.net", anna, true),
            (lid, lid, anna, true),
            (anna, "100000000000003@lid", "+15550100003", false),
            (group, group, "", true),
            (anna, group, "", false),
        ] {
            let recipients = Recipients::parse(&[listed.to_owned()]).unwrap();
            let chat = event(chat, phone, lid);
            // The LID is Anna's only.
            let chat = match phone {
                "+15550100003" => event("100000000000003@lid", phone, "100000000000003@lid"),
                _ => chat,
            };
            assert_eq!(recipients.check_event(&chat).is_ok(), allowed, "{listed}");
        }
        assert!(
            Recipients::parse(&[])
                .unwrap()
                .check_event(&event(group, "", ""))
                .is_ok()
        );
        assert!(Recipients::parse(&["nobody".to_owned()]).is_err());
    }

    #[test]
    fn an_event_without_a_chat_is_refused() {
        let recipients = Recipients::parse(&[]).unwrap();
        assert!(recipients.check_event(&Event::default()).is_err());
        let status = event("status@broadcast", "", "");
        assert!(recipients.check_event(&status).is_err());
    }
}

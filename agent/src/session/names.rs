//! Which LID a number has: asked of WhatsApp for those whose messages are admitted.

use whatsapp_rust::{ContactError, Jid};

use super::{SendError, Session, outbound};
use crate::model::{Lid, Phone};

/// How many numbers one request asks about.
const AT_ONCE: usize = 50;

/// What WhatsApp says of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Whether somebody on WhatsApp has it.
    pub registered: bool,
    /// Their LID, if they have one.
    pub lid: Option<Lid>,
}

impl Session {
    /// The LIDs of these numbers; `None` for one that WhatsApp knows none of.
    pub async fn lids_of(&self, phones: &[Phone]) -> Result<Vec<(Phone, Option<Lid>)>, SendError> {
        let mut told = Vec::with_capacity(phones.len());
        for phones in phones.chunks(AT_ONCE) {
            let jids: Vec<_> = phones.iter().map(|phone| Jid::pn(phone.digits())).collect();
            let answers = self.ask(&jids).await?;
            for phone in phones {
                let answer = answers.iter().find(|(user, _)| user == phone.digits());
                let named = match answer {
                    Some((_, named)) => named.clone(),
                    // WhatsApp answers under its own spelling of a number: asked alone, it is this one's.
                    None => self.name(phone).await?,
                };
                told.push((phone.clone(), named.lid));
            }
        }
        Ok(told)
    }

    /// What WhatsApp says of one number.
    pub async fn name(&self, phone: &Phone) -> Result<Named, SendError> {
        let answers = self.ask(&[Jid::pn(phone.digits())]).await?;
        let named = answers.into_iter().next().map(|(_, named)| named);
        Ok(named.unwrap_or(Named {
            registered: false,
            lid: None,
        }))
    }

    /// The answers, each with the digits of the number that it is about.
    async fn ask(&self, jids: &[Jid]) -> Result<Vec<(String, Named)>, SendError> {
        let found = self.client.contacts().is_on_whatsapp(jids).await;
        let found = found.map_err(|error| match error {
            ContactError::Iq(error) => outbound::iq(&error),
            _ => SendError::NotOnWhatsApp,
        })?;
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
                lid: lid.and_then(|jid| Lid::new(&jid.user)),
            };
            (user, named)
        });
        Ok(answers.collect())
    }
}

//! Asks WhatsApp about people: their "about" texts, the ids and addresses of their pictures. What it answers about a person
//! is kept for later reads.

use std::time::SystemTime;

use openclaw_types::{Contact, Profile, Recipient};
use whatsapp_rust::features::UserInfo;
use whatsapp_rust::{ContactError, Jid};

use super::outbound::jid;
use super::{QueryError, Session, names, translate};

/// Where WhatsApp has a picture.
pub struct PictureAddress {
    /// Its id.
    pub id: String,
    /// WhatsApp's URL for it, not checked.
    pub(super) url: String,
}

/// The address opens the picture to everyone who has it.
impl std::fmt::Debug for PictureAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PictureAddress").finish_non_exhaustive()
    }
}

impl From<ContactError> for QueryError {
    fn from(error: ContactError) -> Self {
        match error {
            ContactError::Iq(error) => Self::from(error),
            // The addresses of people and groups are supported.
            _ => Self::Refused(400),
        }
    }
}

impl Session {
    /// What WhatsApp knows of a person; `None` if it knows no such person.
    pub async fn fetch_profile(
        &self,
        who: &Contact,
        now: SystemTime,
    ) -> Result<Option<Profile>, QueryError> {
        let [lid, number] = names::jids(who);
        let jids: Vec<Jid> = number.or(lid).into_iter().collect();
        let answers = self.client.contacts().get_user_info(&jids).await?;
        // One person was asked about.
        let Some(answer) = answers.into_values().next() else {
            return Ok(None);
        };
        if let Some(code) = refusal(&answer) {
            return Err(QueryError::Refused(code));
        }
        if !is_present(&answer) {
            return Ok(None);
        }
        let mut found = translate::contact(answer.lid.iter().chain([&answer.jid]));
        found.phone = found.phone.or_else(|| who.phone.clone());
        found.lid = found.lid.or_else(|| who.lid.clone());
        self.store
            .see(&found, now, |profile| describe(profile, &answer, now));
        // A restart should not have to ask again.
        self.store.vault().flush().await;
        Ok(self.store.profile(&found))
    }

    /// Where the picture of a person or a group is; `None` if there is none, or the account may not see it.
    pub async fn fetch_picture_address(
        &self,
        of: &Recipient,
        preview: bool,
    ) -> Result<Option<PictureAddress>, QueryError> {
        let contacts = self.client.contacts();
        let found = contacts.get_profile_picture(&jid(of), preview).await?;
        Ok(found.map(|found| PictureAddress {
            id: found.id,
            url: found.url,
        }))
    }
}

/// The code with which WhatsApp refused a part of the question for now. The others say that there is nothing to be seen: of a
/// person who does not exist (404), or who does not show it to the account (401, 403).
fn refusal(answer: &UserInfo) -> Option<u16> {
    let errors = [
        &answer.lid_error,
        &answer.status_error,
        &answer.picture_error,
        &answer.business_error,
        &answer.devices_error,
    ];
    let codes = errors.into_iter().flatten().map(|error| error.code);
    let mut codes = codes.map(Option::unwrap_or_default);
    codes.find(|code| matches!(code, 0 | 429 | 500..))
}

/// The library reports who is not on WhatsApp as a person without devices.
fn is_present(answer: &UserInfo) -> bool {
    answer.lid.is_some() || !answer.devices.is_empty()
}

fn describe(profile: &mut Profile, answer: &UserInfo, now: SystemTime) {
    let about = answer.status.clone().unwrap_or_default();
    if profile.about != about {
        // The library does not read the time next to it.
        (profile.about, profile.about_set_at) = (about, None);
    }
    profile.picture_id = answer.picture_id.clone().unwrap_or_default();
    profile.business = answer.is_business;
    let name = answer.verified_name.as_ref();
    profile.verified_name = name.and_then(|it| it.name.clone()).unwrap_or_default();
    (profile.asked_at, profile.outdated) = (Some(now), false);
}

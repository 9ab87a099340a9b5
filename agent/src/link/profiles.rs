//! What is known of people: served from what is kept, and from WhatsApp's answers, within the limit of lookups.

use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_state::lookups::Person;
use openclaw_types::{ChatId, Contact, Profile};

use super::{Agent, LookupError};

/// WhatsApp is asked again after this time. It reports most changes by itself.
const KEEP_ANSWER: Duration = Duration::from_secs(24 * 3600);

impl Agent {
    /// What is known of a person. `refresh` asks WhatsApp in any case; without it what is known is returned if WhatsApp
    /// cannot be asked.
    pub async fn profile(&self, who: &Contact, refresh: bool) -> Result<Profile, LookupError> {
        let now = clock::now();
        let known = self.store.profile(who);
        if let Some(known) = known
            .as_ref()
            .filter(|known| !refresh && is_good(known, now))
        {
            return Ok(known.clone());
        }
        match (self.fetch_profile(who, now).await, known) {
            (Ok(profile), _) => Ok(profile),
            (Err(error), Some(known)) if !refresh && error != LookupError::NoSuchPerson => {
                tracing::debug!(%error, "WhatsApp not asked about a person, known profile served");
                Ok(known)
            }
            (Err(error), _) => Err(error),
        }
    }

    /// What is stored about a person. Does not ask WhatsApp.
    #[must_use]
    pub fn known_profile(&self, who: &Contact) -> Option<Profile> {
        self.store.profile(who)
    }

    /// The name of a chat, if it is known: of the group, or of the other person.
    #[must_use]
    pub fn chat_title(&self, chat: &ChatId, with: Option<&Contact>) -> Option<String> {
        match with {
            Some(with) => Some(self.store.profile(with)?.name().to_owned()),
            None => self.group_name(chat.jid()),
        }
    }

    async fn fetch_profile(&self, who: &Contact, now: SystemTime) -> Result<Profile, LookupError> {
        let who = self.person(who).await?;
        let session = self.session()?;
        let profile = self.ask_about(1, now, session.fetch_profile(&who, now));
        profile.await?.ok_or(LookupError::NoSuchPerson)
    }

    /// The person as WhatsApp knows them: of a number without a known LID it is asked first, because it answers this
    /// question in every spelling of the number.
    pub(super) async fn person(&self, who: &Contact) -> Result<Contact, LookupError> {
        let known = self.store.person(who);
        let (Some(phone), None) = (&known.phone, &known.lid) else {
            return Ok(known);
        };
        let found = self.look_up(std::slice::from_ref(phone)).await?;
        let found = found.into_iter().find_map(|(_, found)| found.person);
        let Person { phone, lid, .. } = found.ok_or(LookupError::NoSuchPerson)?;
        let phone = Some(phone);
        Ok(Contact { phone, lid })
    }
}

fn is_good(profile: &Profile, now: SystemTime) -> bool {
    let age = profile.asked_at.and_then(|at| now.duration_since(at).ok());
    !profile.outdated && age.is_some_and(|age| age < KEEP_ANSWER)
}

//! Looks up which numbers are on WhatsApp: from cached answers, or from WhatsApp within the limit.

use std::sync::{MutexGuard, PoisonError};
use std::time::SystemTime;

use openclaw_state::clock;
use openclaw_state::lookups::{Found, Lookups, Person};
use openclaw_types::Phone;
use openclaw_whatsapp::session::{Named, QueryError};

use super::doctor::QUERY_TIMEOUT;
use super::{Agent, ChatError};

/// The maximum number of phone numbers in one call.
pub const MAX_NUMBERS_PER_LOOKUP: usize = 20;
/// WhatsApp's code for too many queries.
const TOO_MANY: u16 = 429;

/// Why nothing is known of people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// There is no connection to WhatsApp.
    #[error(transparent)]
    NotConnected(#[from] ChatError),
    /// Too many were looked up, by this agent's count or by WhatsApp's. Lookups are possible again at this time.
    #[error("too many numbers were looked up")]
    Limit(SystemTime),
    /// WhatsApp refused, with its code.
    #[error("WhatsApp did not answer the question about people (code {0})")]
    Refused(u16),
    /// WhatsApp knows no such person.
    #[error("WhatsApp knows no such person")]
    NoSuchPerson,
}

impl Agent {
    /// What WhatsApp knows of these numbers, in their order. Sends nothing to them.
    pub async fn look_up(&self, phones: &[Phone]) -> Result<Vec<(Phone, Found)>, LookupError> {
        let now = clock::now();
        let mut open: Vec<Phone> = Vec::new();
        let mut found: Vec<_> = {
            let lookups = self.lookups();
            let answers = phones.iter().map(|phone| {
                let answer = lookups.answer(phone, now).cloned();
                if answer.is_none() && !open.contains(phone) {
                    open.push(phone.clone());
                }
                (phone.clone(), answer)
            });
            answers.collect()
        };
        if !open.is_empty() {
            let answers = self.ask_whatsapp(&open, now).await?;
            for (phone, answer) in found.iter_mut().filter(|(_, answer)| answer.is_none()) {
                let fresh = answers.iter().find(|(asked, _)| asked == phone);
                *answer = fresh.map(|(_, found)| found.clone());
            }
        }
        let found = found
            .into_iter()
            .map(|(phone, found)| Some((phone, found?)));
        // The session returns an answer for every number, also if WhatsApp leaves one out.
        found.collect::<Option<_>>().ok_or(LookupError::Refused(0))
    }

    async fn ask_whatsapp(
        &self,
        phones: &[Phone],
        now: SystemTime,
    ) -> Result<Vec<(Phone, Found)>, LookupError> {
        let session = self.session()?;
        let named = self
            .ask_about(phones.len(), now, session.look_up(phones))
            .await?;
        let at = clock::now();
        let lids = named.iter();
        let lids = lids.map(|(phone, named)| (phone.clone(), named.lid.clone()));
        self.allowlist().learn(lids.collect(), at);
        let found = named.into_iter().map(|(phone, named)| {
            let person = person(&phone, named);
            (phone, Found { person, at })
        });
        let found: Vec<_> = found.collect();
        let mut lookups = self.lookups();
        for (phone, found) in &found {
            lookups.learn(phone.clone(), found.clone());
        }
        Ok(found)
    }

    /// Asks a question about so many people, within the limit.
    pub(super) async fn ask_about<T>(
        &self,
        people: usize,
        now: SystemTime,
        question: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, LookupError> {
        let taken = self.lookups().take(people, now);
        taken.map_err(LookupError::Limit)?;
        match tokio::time::timeout(QUERY_TIMEOUT, question).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(QueryError::Refused(TOO_MANY))) => {
                let until = self.lookups().block(clock::now());
                tracing::warn!("WhatsApp refuses questions about people: pausing them for an hour");
                Err(LookupError::Limit(until))
            }
            Ok(Err(QueryError::Refused(code))) => Err(LookupError::Refused(code)),
            Ok(Err(QueryError::ConnectionLost)) | Err(_) => Err(ChatError::ConnectionLost.into()),
        }
    }

    fn lookups(&self) -> MutexGuard<'_, Lookups> {
        self.lookups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn person(phone: &Phone, named: Named) -> Option<Person> {
    let Named {
        registered,
        number,
        lid,
        business,
    } = named;
    registered.then(|| Person {
        phone: number.unwrap_or_else(|| phone.clone()),
        lid,
        business,
    })
}

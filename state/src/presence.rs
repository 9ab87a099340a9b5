//! Who is online: others, as far as a client asks for them, and the account itself. Nothing of it is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use openclaw_types::{Activity, Recipient};
use tokio::sync::broadcast;

/// How many activities a reader may be behind. Further ones replace the oldest: only the newest matter.
const MAX_QUEUED_ACTIVITIES: usize = 64;

/// What people do, and what the account shows of itself.
#[derive(Debug)]
pub struct Presence {
    activities: broadcast::Sender<Activity>,
    wanted: Mutex<Wanted>,
}

#[derive(Debug, Default)]
struct Wanted {
    /// How many clients have the account online.
    online: usize,
    /// How many clients follow each person.
    followed: HashMap<Recipient, usize>,
}

/// Keeps the account online. See [`Presence::go_online`].
#[derive(Debug)]
pub struct Online(Arc<Presence>);

impl Default for Presence {
    fn default() -> Self {
        Self {
            activities: broadcast::Sender::new(MAX_QUEUED_ACTIVITIES),
            wanted: Mutex::default(),
        }
    }
}

impl Presence {
    /// Passes an activity on to every reader.
    pub fn report(&self, activity: Activity) {
        // Without readers it is of no use.
        let _ = self.activities.send(activity);
    }

    /// What people do from now on. A slow reader misses some.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Activity> {
        self.activities.subscribe()
    }

    /// The account should be online as long as this is held. The caller notifies WhatsApp after taking and after dropping it.
    #[must_use]
    pub fn go_online(self: &Arc<Self>) -> Online {
        self.wanted().online += 1;
        Online(Arc::clone(self))
    }

    /// Whether anyone wants the account online.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.wanted().online > 0
    }

    /// One more client follows this person.
    pub fn follow(&self, who: &Recipient) {
        *self.wanted().followed.entry(who.clone()).or_default() += 1;
    }

    /// A client follows this person no longer. True if no other one does.
    pub fn unfollow(&self, who: &Recipient) -> bool {
        let followed = &mut self.wanted().followed;
        match followed.get_mut(who) {
            Some(count @ 2..) => {
                *count -= 1;
                false
            }
            _ => followed.remove(who).is_some(),
        }
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Online {
    fn drop(&mut self) {
        self.0.wanted().online -= 1;
    }
}

#[cfg(test)]
mod tests {
    use openclaw_types::{ChatId, Contact, Doing};

    use super::*;

    #[test]
    fn the_account_is_online_as_long_as_anyone_wants_it() {
        let presence = Arc::<Presence>::default();
        let (one, other) = (presence.go_online(), presence.go_online());
        drop(one);
        assert!(presence.is_online());
        drop(other);
        assert!(!presence.is_online());
    }

    #[test]
    fn a_person_is_followed_until_the_last_client_has_gone() {
        let presence = Presence::default();
        let anna: Recipient = "+15550100002".parse().unwrap();
        presence.follow(&anna);
        presence.follow(&anna);
        assert_eq!(
            [(); 3].map(|()| presence.unfollow(&anna)),
            [false, true, false]
        );
    }

    #[tokio::test]
    async fn a_slow_reader_misses_the_oldest_activities() {
        let presence = Presence::default();
        let mut seen = presence.subscribe();
        for _ in 0..=MAX_QUEUED_ACTIVITIES {
            presence.report(Activity {
                chat: ChatId::of_jid("1@lid"),
                who: Contact::of_jid("1@lid"),
                what: Doing::Typing,
            });
        }
        assert!(matches!(
            seen.recv().await,
            Err(broadcast::error::RecvError::Lagged(1))
        ));
        assert_eq!(seen.recv().await.unwrap().what, Doing::Typing);
    }
}

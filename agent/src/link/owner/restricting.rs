//! The restriction of the account: when it begins, and when it ends.

use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_types::{Link, Nack, Restriction};
use openclaw_whatsapp::session::RestrictionReport;

use super::Owner;

/// How long a restriction is assumed after a refused message, if WhatsApp does not report one.
const ASSUMED_FOR: Duration = Duration::from_secs(15 * 60);
/// The code for a restriction that WhatsApp reports: the reach-out time-lock.
const TIMELOCK: Nack = Nack(463);

impl Owner {
    /// The session reports whether the account is restricted.
    pub(super) fn restricted(&mut self, report: RestrictionReport) {
        let before = self.link().restriction;
        let now = clock::now();
        let since = before.as_ref().map_or(now, |before| before.since);
        let next = match report {
            RestrictionReport::Active { name, until } => Some(Restriction {
                nack: TIMELOCK,
                name,
                since,
                until,
                confirmed: true,
            }),
            // WhatsApp does not report every restriction that it enforces.
            RestrictionReport::Inactive => before.clone().filter(|before| !before.confirmed),
            RestrictionReport::Refused(_) if before.as_ref().is_some_and(|it| it.confirmed) => {
                before.clone()
            }
            RestrictionReport::Refused(nack) => Some(Restriction {
                nack,
                name: String::new(),
                since,
                until: Some(now + ASSUMED_FOR),
                confirmed: false,
            }),
        };
        if next != before {
            self.change_restriction(next);
        }
    }

    /// Ends the restriction if its time is over.
    pub(super) fn end_restriction(&mut self, now: SystemTime) {
        let restriction = self.link().restriction;
        let until = restriction.and_then(|restriction| restriction.until);
        if until.is_some_and(|until| until <= now) {
            self.change_restriction(None);
        }
    }

    fn change_restriction(&mut self, restriction: Option<Restriction>) {
        match &restriction {
            Some(Restriction {
                nack,
                name,
                until,
                confirmed,
                ..
            }) => {
                let until = until.map(clock::shown).map(clock::utc).unwrap_or_default();
                tracing::warn!(code = nack.0, name, until, confirmed, "account restricted");
            }
            None => tracing::info!("account no longer restricted"),
        }
        let ended = restriction.is_none();
        self.publish(Link {
            restriction,
            ..self.link()
        });
        if ended {
            self.setup.outbox.restriction_ended(clock::now());
        }
    }
}

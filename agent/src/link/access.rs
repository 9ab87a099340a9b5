//! Whose messages are admitted, as the API and the operator change it.

use openclaw_state::allow::{Error, Refused, Summary, Who};
use openclaw_state::clock;

use super::Agent;

impl Agent {
    /// Reads the rules again, judges by them what is held, and says in the log what came of it.
    ///
    /// # Errors
    /// They cannot be read or have a mistake. Those before stay in force.
    pub fn reload_rules(&self) -> Result<Summary, Error> {
        let now = clock::now();
        match self.gate().reload(now) {
            Ok(()) => {
                self.admission.settle(now, false);
                let summary = self.gate().summary(now);
                summary.announce();
                Ok(summary)
            }
            Err(error) => {
                let hint = error.hint();
                tracing::error!(
                    hint,
                    "the new rules are not in force, those before stay: {error}"
                );
                Err(error)
            }
        }
    }

    /// Admits somebody beside the rules. False when that was so already.
    ///
    /// # Errors
    /// It would mean nothing.
    pub async fn admit(&self, who: Who) -> Result<bool, Refused> {
        let added = self.gate().add(who, clock::now()).await?;
        self.admission.settle(clock::now(), false);
        Ok(added)
    }

    /// Takes back what [`Agent::admit`] did.
    ///
    /// # Errors
    /// The file has it, or nobody added it.
    pub async fn dismiss(&self, who: &Who) -> Result<(), Refused> {
        self.gate().remove(who).await
    }
}

//! Whose messages are allowed, as the API and the operator change it.

use openclaw_state::allow::{Error, Refused, Summary, Who};
use openclaw_state::clock;

use super::Agent;

impl Agent {
    /// Reads the rules again, judges by them what is held, and says in the log what came of it.
    ///
    /// # Errors
    /// They cannot be read or have a mistake. Those before stay active.
    pub fn reload_rules(&self) -> Result<Summary, Error> {
        let now = clock::now();
        match self.allowlist().reload(now) {
            Ok(()) => {
                self.admission.settle(now, false);
                let summary = self.allowlist().summary(now);
                summary.announce();
                Ok(summary)
            }
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                tracing::error!(
                    error = format!("{error}{}", cause.unwrap_or_default()),
                    hint = error.hint(),
                    "allowlist reload failed, keeping the previous rules"
                );
                Err(error)
            }
        }
    }

    /// Allows someone in addition to the rules. False when that was so already.
    ///
    /// # Errors
    /// It would mean nothing.
    pub async fn allow(&self, who: Who) -> Result<bool, Refused> {
        let added = self.allowlist().add(who, clock::now()).await?;
        self.admission.settle(clock::now(), false);
        Ok(added)
    }

    /// Takes back what [`Agent::allow`] did.
    ///
    /// # Errors
    /// The file has it, or no one added it.
    pub async fn disallow(&self, who: &Who) -> Result<(), Refused> {
        self.allowlist().remove(who).await
    }
}

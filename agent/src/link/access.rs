//! Changes to the allowlist by clients and the operator.

use openclaw_state::allow::{Error, Refused, Summary, Who};
use openclaw_state::clock;

use super::Agent;

impl Agent {
    /// Reloads the rules, applies them to held messages, and logs the result.
    ///
    /// # Errors
    /// The rules cannot be read or are invalid. The previous ones stay active.
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

    /// Adds an entry to the allowlist. `false` if it exists already.
    ///
    /// # Errors
    /// The entry would have no effect.
    pub async fn allow(&self, who: Who) -> Result<bool, Refused> {
        let added = self.allowlist().add(who, clock::now()).await?;
        self.admission.settle(clock::now(), false);
        Ok(added)
    }

    /// Removes an entry that [`Agent::allow`] added.
    ///
    /// # Errors
    /// The entry is in the file, or was never added.
    pub async fn disallow(&self, who: &Who) -> Result<(), Refused> {
        self.allowlist().remove(who).await
    }
}

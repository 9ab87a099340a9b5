//! Passkeys, for tests.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::rules::pairing::passkey::person;
use crate::signal::webauthn::{Authenticator, Credential, Forgery};
use crate::sim::phone::Phone;
use crate::state::error::Error;
use crate::state::passkey::Passkey;
pub use crate::state::passkey::Stage;
use crate::sync::lock;

/// The options of linking with a passkey.
#[derive(Debug, Clone)]
pub struct Passkeys {
    /// A passkey whose private key the simulator does not have; without it the simulator generates one.
    pub credential: Option<Credential>,
    /// True if the request contains the options; if false, the companion has to request them.
    pub brings_options: bool,
    /// The person confirms without comparing the code.
    pub confirms: bool,
    /// The time limit of a ceremony.
    pub timeout: Duration,
}

impl Default for Passkeys {
    fn default() -> Self {
        Self {
            credential: None,
            brings_options: true,
            confirms: false,
            timeout: Duration::from_secs(600),
        }
    }
}

/// The state of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CeremonySeen {
    /// The stage.
    pub stage: Stage,
    /// The code on the phone, as `ABCD-1234`.
    pub code: Option<String>,
}

impl Phone {
    /// Makes the account require a passkey from now on. Returns the registered credential.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn require_passkey(&self, passkeys: Passkeys) -> Result<Credential, Error> {
        let (credential, authenticator) = match passkeys.credential {
            Some(credential) => (credential, None),
            None => {
                let made = Authenticator::new().ok_or(Error::NoAuthenticator)?;
                (made.credential().clone(), Some(Arc::new(made)))
            }
        };
        lock(&self.shared().state).user(self.number()).passkey = Some(Passkey {
            credential: credential.clone(),
            authenticator,
            counter: 0,
            brings_options: passkeys.brings_options,
            confirms: passkeys.confirms,
            timeout: passkeys.timeout,
        });
        Ok(credential)
    }

    /// The account no longer requires a passkey.
    pub fn forget_passkey(&self) {
        lock(&self.shared().state).user(self.number()).passkey = None;
    }

    /// Returns an assertion by the account's passkey for a request, in WhatsApp Web's JSON, with the parts in
    /// `forgery` replaced.
    ///
    /// # Errors
    /// The simulator does not have the private key of the account's passkey, or the options have no challenge.
    pub fn assert_passkey(&self, options: &Value, forgery: &Forgery) -> Result<Value, Error> {
        let authenticator = {
            let mut state = lock(&self.shared().state);
            let passkey = state.user(self.number()).passkey.as_ref();
            passkey.and_then(|passkey| passkey.authenticator.clone())
        };
        let authenticator = authenticator.ok_or(Error::NoAuthenticator)?;
        Ok(authenticator.assert(options, forgery)?)
    }

    /// The person types the code that the companion shows.
    ///
    /// # Errors
    /// No code is shown, or the code is wrong.
    pub fn confirm_passkey(&self, code: &str) -> Result<(), Error> {
        person::confirm(self.shared(), self.number(), code)
    }

    /// The person declines.
    ///
    /// # Errors
    /// There is no ceremony.
    pub fn refuse_passkey(&self) -> Result<(), Error> {
        person::refuse(self.shared(), self.number())
    }

    /// The latest ceremony of the account.
    pub fn passkey_ceremony(&self) -> Option<CeremonySeen> {
        let (stage, code) = person::seen(self.shared(), self.number())?;
        let code = code.map(|code| format!("{}-{}", &code[..4], &code[4..]));
        Some(CeremonySeen { stage, code })
    }
}

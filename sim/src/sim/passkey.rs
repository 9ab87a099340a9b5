//! Passkeys, as tests hold them.

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

/// How an account links with a passkey.
#[derive(Debug, Clone)]
pub struct Passkeys {
    /// Whose private half somebody else holds; without it the simulator makes a passkey and holds it.
    pub credential: Option<Credential>,
    /// The request brings its options along; else the companion has to ask for them.
    pub brings_options: bool,
    /// The person confirms without looking at the code.
    pub confirms: bool,
    /// How long a ceremony may take.
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

/// How far a ceremony is, and what the phone shows.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CeremonySeen {
    /// How far it is.
    pub stage: Stage,
    /// The code, as `ABCD-1234`.
    pub code: Option<String>,
}

impl Phone {
    /// The account asks for a passkey from now on. Returns what was registered.
    ///
    /// # Errors
    /// The machine has no randomness.
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

    /// The account links without a passkey again.
    pub fn forget_passkey(&self) {
        lock(&self.shared().state).user(self.number()).passkey = None;
    }

    /// The account's passkey answers a request, truly or as the forgery says: WhatsApp Web's JSON.
    ///
    /// # Errors
    /// The simulator holds no passkey of the account; the options have no challenge.
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
    /// No code is shown, or another one.
    pub fn confirm_passkey(&self, code: &str) -> Result<(), Error> {
        person::confirm(self.shared(), self.number(), code)
    }

    /// The person says no.
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

//! Calls, for tests.

use crate::number::Number;
use crate::phones::calls;
pub use crate::phones::calls::{Call, CallKind};
use crate::sim::Sim;
use crate::sim::peer::Peer;
use crate::state::call::CallSign;
use crate::state::error::Error;
use crate::sync::lock;

impl Peer {
    /// Starts a call to an account, or sends another stanza of a call. Returns the ids of the stanza and of the call.
    ///
    /// # Errors
    /// A malformed or unknown number.
    pub fn call(&self, to: &str, call: &Call) -> Result<(String, String), Error> {
        let call = Call {
            by: self.by(call.by),
            ..call.clone()
        };
        calls::sign(self.shared(), &self.sender(), &to.parse()?, &call)
    }
}

impl Sim {
    /// The recorded stanzas of the calls to and from a number, in order.
    ///
    /// # Errors
    /// The number is malformed.
    pub fn calls(&self, account: &str) -> Result<Vec<CallSign>, Error> {
        let account = account.parse::<Number>()?.to_string();
        let state = lock(&self.shared().state);
        let calls = state.calls.iter();
        let of = calls.filter(|sign| sign.from == account || sign.to == account);
        Ok(of.cloned().collect())
    }
}

//! The way to the agent, found anew for each call.

use std::borrow::Cow;

use crate::address::Address;

/// The agent's address.
pub(super) struct Link {
    address: Address,
}

impl Link {
    pub(super) const fn new(address: Address) -> Self {
        Self { address }
    }

    /// The address now: where no agent was found at the start, one may have been started since.
    pub(super) fn address(&self) -> Cow<'_, Address> {
        if let Address::Nowhere(tried) = &self.address
            && let Some(path) = tried.iter().find(|path| path.exists())
        {
            return Cow::Owned(Address::Unix(path.clone()));
        }
        Cow::Borrowed(&self.address)
    }
}

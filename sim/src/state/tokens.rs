//! Privacy tokens: who may write to a person with whom there is no chat.

use std::collections::{HashMap, HashSet};

use crate::number::Number;

/// The tokens and chats of one account.
#[derive(Default)]
pub(crate) struct Tokens {
    /// The token that each contact has issued to the account.
    held: HashMap<Number, Vec<u8>>,
    /// The people with whom there is a chat: the server has accepted a message of the account for them.
    chats: HashSet<Number>,
}

impl Tokens {
    /// A contact has issued a token to the account.
    pub(crate) fn take(&mut self, issuer: &Number, token: Vec<u8>) {
        self.held.insert(issuer.clone(), token);
    }

    pub(crate) fn has(&self, issuer: &Number) -> bool {
        self.held.contains_key(issuer)
    }

    pub(crate) fn is_from(&self, issuer: &Number, token: &[u8]) -> bool {
        self.held.get(issuer).is_some_and(|held| held == token)
    }

    pub(crate) fn begin_chat(&mut self, with: &Number) {
        self.chats.insert(with.clone());
    }

    pub(crate) fn has_chat(&self, with: &Number) -> bool {
        self.chats.contains(with)
    }
}

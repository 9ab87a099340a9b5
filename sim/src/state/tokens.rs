//! Privacy tokens: who may write to a person with whom there is no chat.

use std::collections::{HashMap, HashSet};

use crate::number::Number;

/// The tokens and chats of one account.
#[derive(Default)]
pub(crate) struct Tokens {
    /// The tokens that each contact has issued to the account.
    held: HashMap<Number, Issued>,
    /// The people with whom there is a chat: the server has accepted a message of the account for them.
    chats: HashSet<Number>,
}

/// A new token does not end the one before: a message with that may be under way, and the client may not know the new one yet.
struct Issued {
    newest: Vec<u8>,
    before: Option<Vec<u8>>,
}

impl Tokens {
    /// A contact has issued a token to the account.
    pub(crate) fn take(&mut self, issuer: &Number, token: Vec<u8>) {
        let before = self.held.remove(issuer).map(|issued| issued.newest);
        let newest = token;
        self.held.insert(issuer.clone(), Issued { newest, before });
    }

    pub(crate) fn has(&self, issuer: &Number) -> bool {
        self.held.contains_key(issuer)
    }

    pub(crate) fn is_from(&self, issuer: &Number, token: &[u8]) -> bool {
        self.held
            .get(issuer)
            .is_some_and(|issued| issued.newest == token || issued.before.as_deref() == Some(token))
    }

    pub(crate) fn begin_chat(&mut self, with: &Number) {
        self.chats.insert(with.clone());
    }

    pub(crate) fn has_chat(&self, with: &Number) -> bool {
        self.chats.contains(with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_until_the_second_one_after_it() {
        let issuer: Number = "+15550100002".parse().unwrap();
        let other: Number = "+15550100003".parse().unwrap();
        let mut tokens = Tokens::default();
        for token in 1..=3 {
            tokens.take(&issuer, vec![token]);
        }
        let valid = [1, 2, 3].map(|token| tokens.is_from(&issuer, &[token]));
        assert_eq!(valid, [false, true, true]);
        assert!(!tokens.is_from(&other, &[3]));
    }
}

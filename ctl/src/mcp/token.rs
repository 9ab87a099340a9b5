//! Tokens for sends: a request that is repeated within a session sends once.
//!
//! `token = "mcp-" hex(first 16 bytes of SHA-256(nonce, kind of the id, id))`, with a nonce of 128 random bits that lives
//! as long as this process. The id of a request is unique only within a session, which is one process here.

use data_encoding::HEXLOWER;
use rmcp::model::RequestId;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// The agent's limit.
const MAX_CHARS: usize = 128;

pub(super) struct Tokens {
    nonce: [u8; 16],
}

impl Tokens {
    pub(super) fn new() -> Result<Self, Failure> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|error| Failure::new(format!("cannot make a token: {error}")))?;
        Ok(Self { nonce })
    }

    /// The token of a request: the one that the assistant has chosen, else that of its id.
    ///
    /// # Errors
    /// The chosen one cannot be a token.
    pub(super) fn of(&self, id: &RequestId, chosen: Option<&str>) -> Result<String, Failure> {
        let Some(chosen) = chosen else {
            return Ok(self.of_id(id));
        };
        let printable = chosen.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        if chosen.is_empty() || chosen.len() > MAX_CHARS || !printable {
            return Err(Failure::usage(
                "idempotency_key: give 1 to 128 printable ASCII characters without spaces",
            ));
        }
        Ok(chosen.to_owned())
    }

    fn of_id(&self, id: &RequestId) -> String {
        let hash = Sha256::new().chain_update(self.nonce);
        let hash = match id {
            RequestId::Number(number) => hash.chain_update(b"n").chain_update(number.to_be_bytes()),
            RequestId::String(text) => hash.chain_update(b"s").chain_update(text.as_bytes()),
        };
        format!("mcp-{}", HEXLOWER.encode(&hash.finalize()[..16]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_has_one_token_in_a_session_and_another_in_the_next() {
        let tokens = Tokens { nonce: [1; 16] };
        let token = |id: RequestId| tokens.of(&id, None).unwrap();
        let seven = token(RequestId::Number(7));
        assert_eq!(seven, token(RequestId::Number(7)));
        assert_ne!(seven, token(RequestId::Number(8)));
        assert_ne!(seven, token(RequestId::String("7".into())));
        let next = Tokens { nonce: [2; 16] };
        assert_ne!(seven, next.of(&RequestId::Number(7), None).unwrap());
        assert_eq!(seven.len(), 36);
        assert_ne!(
            Tokens::new().unwrap().nonce,
            Tokens::new().unwrap().nonce,
            "it is random"
        );
    }

    #[test]
    fn a_chosen_token_is_used_as_it_is() {
        let tokens = Tokens { nonce: [1; 16] };
        let of = |chosen: &str| tokens.of(&RequestId::Number(7), Some(chosen)).ok();
        assert_eq!(of("reply-to-5"), Some("reply-to-5".to_owned()));
        for wrong in ["", "a b", "ä", "a\n", &"a".repeat(129)] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }
}

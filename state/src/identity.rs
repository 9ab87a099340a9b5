//! The agent's own key towards its clients: made once, kept in the vault, never another one by accident.

use openclaw_trust::{Identity, IdentityError};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::vault::{Tables, Vault};

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be made.
    #[error("cannot make the agent's TLS key")]
    Make(#[source] IdentityError),
    /// What is kept is none. Another one would be a stranger to every client.
    #[error("cannot read the store's TLS key")]
    Unreadable(#[source] Option<IdentityError>),
}

/// A row. Fields may be added, never renamed: volumes hold it.
#[derive(Serialize, Deserialize)]
struct Row {
    /// PKCS #8.
    #[serde(rename = "k")]
    key: Vec<u8>,
    /// X.509.
    #[serde(rename = "c")]
    certificate: Vec<u8>,
}

impl Drop for Row {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

/// The identity in the vault; one is made, and durable, where there is none.
///
/// # Errors
/// See [`Error`].
pub async fn load_or_make(vault: &Vault) -> Result<Identity, Error> {
    let place = Key::new(Tables::IDENTITY, "", "");
    if let Some(bytes) = vault.load(place) {
        let row: Result<Row, _> = ciborium::from_reader(bytes.as_slice());
        let mut row = row.map_err(|_| Error::Unreadable(None))?;
        let key = Zeroizing::new(std::mem::take(&mut row.key));
        let certificate = std::mem::take(&mut row.certificate);
        let kept = Identity::from_der(key, certificate);
        return kept.map_err(|error| Error::Unreadable(Some(error)));
    }
    let made = Identity::generate().map_err(Error::Make)?;
    let row = Row {
        key: made.key_der().to_vec(),
        certificate: made.certificate_der().to_vec(),
    };
    // Large enough from the start: a buffer that grows leaves what it had behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    ciborium::into_writer(&row, &mut *bytes).expect("bytes have an encoding");
    let put = |update: &mut crate::vault::Update<'_>| update.batch().put(place, &bytes);
    vault.update_durably(put).await;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::trial::Volume;

    #[tokio::test]
    async fn an_agent_is_the_same_after_a_restart() {
        let mut volume = Volume::new();
        let made = load_or_make(&volume.vault).await.unwrap();
        volume.reopen();
        let kept = load_or_make(&volume.vault).await.unwrap();
        assert_eq!(kept.fingerprint(), made.fingerprint());
        assert_eq!(kept.key_der(), made.key_der());
    }

    #[tokio::test]
    async fn an_unreadable_key_is_not_replaced() {
        let volume = Volume::new();
        volume.plant(Key::new(Tables::IDENTITY, "", ""), b"nonsense");
        let failed = load_or_make(&volume.vault).await;
        assert!(matches!(failed, Err(Error::Unreadable(_))));
    }
}

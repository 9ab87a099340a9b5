//! The TLS key of the agent's API: created once, stored in the vault, never replaced by accident.

use openclaw_trust::{Identity, IdentityError};
use openclaw_vault::Key;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use crate::vault::{Tables, Vault};

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key could not be created.
    #[error("cannot make the agent's TLS key")]
    Make(#[source] IdentityError),
    /// The stored key cannot be read. It is not replaced, because no client would trust another key.
    #[error("cannot read the store's TLS key")]
    Unreadable(#[source] Option<IdentityError>),
}

/// The stored row. Fields may be added, never renamed: volumes hold it.
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

/// Loads the identity from the vault, or creates it if there is none. Durable on return.
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
        let loaded = Identity::from_der(key, certificate);
        return loaded.map_err(|error| Error::Unreadable(Some(error)));
    }
    let made = Identity::generate().map_err(Error::Make)?;
    let row = Row {
        key: made.key_der().to_vec(),
        certificate: made.certificate_der().to_vec(),
    };
    // Large enough from the start: growing would leave a copy of the key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    ciborium::into_writer(&row, &mut *bytes).expect("bytes can be encoded");
    let put = |update: &mut crate::vault::Update<'_>| update.batch().put(place, &bytes);
    vault.update_durably(put).await;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::trial::Volume;

    #[tokio::test]
    async fn the_key_is_the_same_after_a_restart() {
        let mut volume = Volume::new();
        let made = load_or_make(&volume.vault).await.unwrap();
        volume.reopen();
        let loaded = load_or_make(&volume.vault).await.unwrap();
        assert_eq!(loaded.fingerprint(), made.fingerprint());
        assert_eq!(loaded.key_der(), made.key_der());
    }

    #[tokio::test]
    async fn an_unreadable_key_is_not_replaced() {
        let volume = Volume::new();
        volume.plant(Key::new(Tables::IDENTITY, "", ""), b"nonsense");
        let failed = load_or_make(&volume.vault).await;
        assert!(matches!(failed, Err(Error::Unreadable(_))));
    }
}

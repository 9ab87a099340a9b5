//! Encrypts a file to send in the form that WhatsApp's media hosts accept, piece by piece. Each file has its own key.

use openclaw_state::uploads::Encrypted;
use openclaw_types::{MediaKind, MediaPointer};
use whatsapp_rust::wacore::time;
use whatsapp_rust::wacore::upload::{EncryptedMediaInfo, MediaEncryptor};
use zeroize::Zeroize as _;

use super::media_type;

/// A file could not be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the file could not be encrypted")]
pub struct NotSealed;

/// The encryption of one file.
pub struct Encryption(MediaEncryptor);

impl Encryption {
    /// Generates a key.
    pub fn start(kind: MediaKind) -> Result<Self, NotSealed> {
        // With the MACs of its parts, clients can play a file before all of it is downloaded.
        let plays = matches!(
            kind,
            MediaKind::Video | MediaKind::Gif | MediaKind::Audio | MediaKind::Voice
        );
        let encryptor = MediaEncryptor::new_with_sidecar(media_type(kind), plays);
        encryptor.map(Self).map_err(|_| NotSealed)
    }

    /// Encrypts the next bytes, and adds the complete blocks to `out`.
    pub fn update(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        self.0.update(plain, out);
    }

    /// Adds the last block and the MAC to `out`.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<Encrypted, NotSealed> {
        let info = self.0.finalize(out).map_err(|_| NotSealed)?;
        let EncryptedMediaInfo {
            mut media_key,
            file_sha256,
            file_enc_sha256,
            file_length: _,
            streaming_sidecar,
        } = info;
        let pointer = MediaPointer {
            direct_path: String::new(),
            key: media_key.to_vec(),
            sha256: file_sha256.to_vec(),
            encrypted_sha256: file_enc_sha256.to_vec(),
            key_made_at: time::now_secs(),
        };
        media_key.zeroize();
        Ok(Encrypted {
            pointer,
            sidecar: streaming_sidecar.unwrap_or_default(),
        })
    }
}

/// Has the key, so nothing is shown.
impl std::fmt::Debug for Encryption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encryption").finish_non_exhaustive()
    }
}

//! Fingerprints of keys.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::ParsedCertificate;
use sha2::{Digest as _, Sha256};

const PREFIX: &str = "SHA256:";

/// The fingerprint of a key: SHA-256 of the public key as encoded in a certificate (its SubjectPublicKeyInfo, RFC
/// 5280).
///
/// Not secret: keys are visible in every handshake. Written like OpenSSH's fingerprints: `SHA256:` and 43 characters
/// of base64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// The input is not a fingerprint, or not a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFingerprint {
    /// The text is not a fingerprint.
    #[error("a fingerprint is `SHA256:` and 43 characters of base64")]
    Text,
    /// The bytes are not a certificate.
    #[error("that is not an X.509 certificate")]
    Certificate,
}

impl Fingerprint {
    /// The fingerprint of the key in a certificate. Ignores everything else in it.
    ///
    /// # Errors
    /// The bytes are not a certificate.
    pub fn of_certificate(certificate: &CertificateDer<'_>) -> Result<Self, BadFingerprint> {
        let parsed =
            ParsedCertificate::try_from(certificate).map_err(|_| BadFingerprint::Certificate)?;
        let key = parsed.subject_public_key_info();
        Ok(Self(Sha256::digest(key.as_ref()).into()))
    }

    /// The fingerprint of the key in a certificate's PEM file.
    ///
    /// # Errors
    /// The file is not such a certificate.
    pub fn of_certificate_pem(pem: &[u8]) -> Result<Self, BadFingerprint> {
        let certificate = CertificateDer::from_pem_slice(pem);
        Self::of_certificate(&certificate.map_err(|_| BadFingerprint::Certificate)?)
    }

    /// A fingerprint from its stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", BASE64_STANDARD_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let encoded = text.trim().strip_prefix(PREFIX);
        let decoded = encoded.and_then(|it| BASE64_STANDARD_NO_PAD.decode(it).ok());
        let bytes = decoded.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(BadFingerprint::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_round_trips() {
        let fingerprint = Fingerprint::from_bytes(std::array::from_fn(|at| at as u8));
        let text = fingerprint.to_string();
        assert_eq!(text.len(), PREFIX.len() + 43);
        assert_eq!(text.parse(), Ok(fingerprint));
    }

    #[test]
    fn other_text_is_refused() {
        let longer = format!("{PREFIX}{}", "A".repeat(44));
        for text in ["", "SHA256:", "MD5:AAAA", "SHA256:AAAA", longer.as_str()] {
            assert_eq!(
                text.parse::<Fingerprint>(),
                Err(BadFingerprint::Text),
                "{text}"
            );
        }
    }
}

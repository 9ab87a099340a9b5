//! A key of one's own, and the certificate that carries it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::{Zeroize as _, Zeroizing};

use crate::Fingerprint;
use crate::tls::SERVER_NAME;

/// Beyond what any clock shows: no one looks at the dates, but a client of another make would.
const NOT_BEFORE: (i32, u8, u8) = (2020, 1, 1);
const NOT_AFTER: (i32, u8, u8) = (9999, 12, 31);

/// A private key (ECDSA, P-256) and a certificate that it signed for itself. No `Debug`, no `Clone`; wiped when dropped.
///
/// The certificate is only what TLS carries a public key in. Its name is [`SERVER_NAME`] at both ends.
pub struct Identity {
    key: Zeroizing<Vec<u8>>,
    certificate: CertificateDer<'static>,
    fingerprint: Fingerprint,
}

/// Why there is no identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It could not be made.
    #[error("cannot make a key")]
    Generate(#[source] rcgen::Error),
    /// What was kept is no key, or not that of the certificate.
    #[error("the key is not that of the certificate")]
    Mismatch,
    /// What was kept is no certificate.
    #[error(transparent)]
    Certificate(#[from] crate::BadFingerprint),
}

impl Identity {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, IdentityError> {
        let mut pair =
            KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(IdentityError::Generate)?;
        let key = Zeroizing::new(pair.serialize_der());
        let names = vec![SERVER_NAME.to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).map_err(IdentityError::Generate)?;
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, SERVER_NAME);
        let (year, month, day) = NOT_BEFORE;
        params.not_before = rcgen::date_time_ymd(year, month, day);
        let (year, month, day) = NOT_AFTER;
        params.not_after = rcgen::date_time_ymd(year, month, day);
        let signed = params.self_signed(&pair);
        pair.zeroize();
        let certificate = CertificateDer::from(signed.map_err(IdentityError::Generate)?);
        Self::new(key, certificate)
    }

    /// From where it was kept: PKCS #8 and X.509, both in DER.
    ///
    /// # Errors
    /// When they are not, or do not belong together.
    pub fn from_der(key: Zeroizing<Vec<u8>>, certificate: Vec<u8>) -> Result<Self, IdentityError> {
        let identity = Self::new(key, CertificateDer::from(certificate))?;
        crate::tls::certified_key(&identity).map_err(|_| IdentityError::Mismatch)?;
        Ok(identity)
    }

    fn new(
        key: Zeroizing<Vec<u8>>,
        certificate: CertificateDer<'static>,
    ) -> Result<Self, IdentityError> {
        let fingerprint = Fingerprint::of_certificate(&certificate)?;
        Ok(Self {
            key,
            certificate,
            fingerprint,
        })
    }

    /// Which key it is.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The private key, PKCS #8.
    #[must_use]
    pub fn key_der(&self) -> &[u8] {
        &self.key
    }

    /// The certificate.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key for programs that want a file.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem("PRIVATE KEY", &self.key))
    }

    /// The certificate for programs that want a file.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        certificate_pem(&self.certificate)
    }

    pub(crate) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'_> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.as_slice()))
    }
}

/// A certificate of someone else for programs that want a file.
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

/// RFC 7468. The buffer never grows while it is written, so that no copy of a key is left behind.
#[must_use]
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let body = Zeroizing::new(BASE64_STANDARD.encode(der));
    let lines = body.len().div_ceil(64);
    let mut text = String::with_capacity(body.len() + lines + 2 * label.len() + 32);
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.extend([line, "\n"]);
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_being_kept() {
        let made = Identity::generate().unwrap();
        let key = Zeroizing::new(made.key_der().to_vec());
        let kept = Identity::from_der(key, made.certificate_der().to_vec()).unwrap();
        assert_eq!(kept.fingerprint(), made.fingerprint());
        assert!(made.key_pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        assert!(
            made.certificate_pem()
                .ends_with("-----END CERTIFICATE-----\n")
        );
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (one, other) = (Identity::generate().unwrap(), Identity::generate().unwrap());
        assert_ne!(one.fingerprint(), other.fingerprint());
        let key = Zeroizing::new(one.key_der().to_vec());
        let mixed = Identity::from_der(key, other.certificate_der().to_vec());
        assert!(matches!(mixed, Err(IdentityError::Mismatch)));
    }

    #[test]
    fn an_invalid_key_or_certificate_is_refused() {
        let good = Identity::generate().unwrap();
        let certificate = good.certificate_der().to_vec();
        let no_key = Identity::from_der(Zeroizing::new(vec![1, 2, 3]), certificate);
        assert!(matches!(no_key, Err(IdentityError::Mismatch)));
        let key = Zeroizing::new(good.key_der().to_vec());
        let no_certificate = Identity::from_der(key, vec![0x30, 0]);
        assert!(matches!(no_certificate, Err(IdentityError::Certificate(_))));
    }
}

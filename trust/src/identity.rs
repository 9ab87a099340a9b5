//! A private key with its self-signed certificate.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::{Zeroize as _, Zeroizing};

use crate::Fingerprint;
use crate::tls::SERVER_NAME;

/// Wide enough for any clock: this project does not check the dates, but other implementations would.
const NOT_BEFORE: (i32, u8, u8) = (2020, 1, 1);
const NOT_AFTER: (i32, u8, u8) = (9999, 12, 31);

/// A private key (ECDSA, P-256) and its self-signed certificate. No `Debug`, no `Clone`; wiped when dropped.
///
/// The certificate is only the form in which TLS transfers the public key. Its name is [`SERVER_NAME`] at both ends.
pub struct Identity {
    key: Zeroizing<Vec<u8>>,
    certificate: CertificateDer<'static>,
    fingerprint: Fingerprint,
}

/// Why an identity could not be created or loaded.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key could not be generated.
    #[error("cannot make a key")]
    Generate(#[source] rcgen::Error),
    /// The stored key is not a key, or does not match the certificate.
    #[error("the key is not that of the certificate")]
    Mismatch,
    /// The file is not PEM, or holds something else.
    #[error("not a key or certificate in PEM")]
    Pem,
    /// The stored certificate is not a certificate.
    #[error(transparent)]
    Certificate(#[from] crate::BadFingerprint),
}

impl Identity {
    /// Generates an identity.
    ///
    /// # Errors
    /// The operating system returned no random bytes.
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

    /// An identity from its stored form: PKCS #8 and X.509, both in DER.
    ///
    /// # Errors
    /// One of them does not decode, or they do not match.
    pub fn from_der(key: Zeroizing<Vec<u8>>, certificate: Vec<u8>) -> Result<Self, IdentityError> {
        let identity = Self::new(key, CertificateDer::from(certificate))?;
        crate::tls::certified_key(&identity).map_err(|_| IdentityError::Mismatch)?;
        Ok(identity)
    }

    /// An identity from PEM files, as [`Identity::key_pem`] and [`Identity::certificate_pem`] write them.
    ///
    /// # Errors
    /// One of them is not such a file, or they do not match.
    pub fn from_pem(key: &[u8], certificate: &[u8]) -> Result<Self, IdentityError> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_| IdentityError::Pem)?;
        let key = Zeroizing::new(key.secret_pkcs8_der().to_vec());
        let certificate = CertificateDer::from_pem_slice(certificate);
        let certificate = certificate.map_err(|_| IdentityError::Pem)?;
        Self::from_der(key, certificate.to_vec())
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

    /// The fingerprint of the key.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The private key in PKCS #8.
    #[must_use]
    pub fn key_der(&self) -> &[u8] {
        &self.key
    }

    /// The certificate in DER.
    #[must_use]
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key in PEM, for programs that need a file.
    #[must_use]
    pub fn key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem("PRIVATE KEY", &self.key))
    }

    /// The certificate in PEM, for programs that need a file.
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

/// A peer's certificate in PEM, for programs that need a file.
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    pem("CERTIFICATE", der)
}

/// RFC 7468. The buffer has its final size from the start: growing would leave a copy of the key behind.
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
    fn an_identity_survives_its_pem_files() {
        let identity = Identity::generate().unwrap();
        let (key, certificate) = (identity.key_pem(), identity.certificate_pem());
        let read = Identity::from_pem(key.as_bytes(), certificate.as_bytes()).unwrap();
        assert_eq!(read.fingerprint(), identity.fingerprint());
        let found = Fingerprint::of_certificate_pem(certificate.as_bytes());
        assert_eq!(found.unwrap(), identity.fingerprint());
        let swapped = Identity::from_pem(certificate.as_bytes(), key.as_bytes());
        assert!(matches!(swapped, Err(IdentityError::Pem)));
        assert!(Fingerprint::of_certificate_pem(key.as_bytes()).is_err());
    }

    #[test]
    fn its_stored_form_round_trips() {
        let made = Identity::generate().unwrap();
        let key = Zeroizing::new(made.key_der().to_vec());
        let loaded = Identity::from_der(key, made.certificate_der().to_vec()).unwrap();
        assert_eq!(loaded.fingerprint(), made.fingerprint());
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

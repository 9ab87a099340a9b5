//! The certificate authorities that are trusted: Mozilla's list, which is built in, and those of a PEM file.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// The maximum size of a file with authorities. Mozilla's whole list has 200 KB.
pub const MAX_ROOTS_BYTES: usize = 1024 * 1024;

/// The trusted authorities.
#[derive(Clone, Debug)]
pub struct Roots {
    store: Arc<RootCertStore>,
    has_private: bool,
}

/// Why the content of a file does not count as authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRoots {
    /// It has nothing.
    #[error("it is empty")]
    Empty,
    /// It has no certificate in PEM.
    #[error("it has no certificate in PEM (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// The PEM is broken.
    #[error("its certificate number {0} is garbled")]
    Garbled(usize),
    /// It is too large.
    #[error("it is larger than {MAX_ROOTS_BYTES} bytes")]
    TooLarge,
}

impl Roots {
    /// Mozilla's list.
    #[must_use]
    pub fn built_in() -> Self {
        let store = RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        Self {
            store: Arc::new(store),
            has_private: false,
        }
    }

    /// Mozilla's list, and the certificates in `pem`.
    ///
    /// # Errors
    /// See [`BadRoots`]. One bad certificate refuses the file.
    pub fn with_private(pem: &[u8]) -> Result<Self, BadRoots> {
        if pem.len() > MAX_ROOTS_BYTES {
            return Err(BadRoots::TooLarge);
        }
        if pem.trim_ascii().is_empty() {
            return Err(BadRoots::Empty);
        }
        let mut store = RootCertStore::clone(&Self::built_in().store);
        let mut number = 0;
        for certificate in CertificateDer::pem_slice_iter(pem) {
            number += 1;
            let certificate = certificate.map_err(|_| BadRoots::Garbled(number))?;
            let added = store.add(certificate);
            added.map_err(|_| BadRoots::Garbled(number))?;
        }
        match number {
            0 => Err(BadRoots::NoCertificate),
            _ => Ok(Self {
                store: Arc::new(store),
                has_private: true,
            }),
        }
    }

    pub(crate) const fn has_private(&self) -> bool {
        self.has_private
    }

    /// Sessions are not resumed: the connections are few, and a cache of tickets costs memory.
    pub(crate) fn client_config(&self) -> Arc<ClientConfig> {
        let provider = Arc::new(ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of TLS 1.2 and 1.3")
            .with_root_certificates(Arc::clone(&self.store))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Arc::new(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_valid_certificate_is_refused() {
        let garbled = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB\n";
        let key = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
        for (pem, why) in [
            ("", BadRoots::Empty),
            (" \n", BadRoots::Empty),
            ("hello", BadRoots::NoCertificate),
            (key, BadRoots::NoCertificate),
            (garbled, BadRoots::Garbled(1)),
            (cut, BadRoots::Garbled(1)),
        ] {
            let refused = Roots::with_private(pem.as_bytes()).map(|_| ());
            assert_eq!(refused, Err(why), "{pem}");
        }
        let long = vec![b'x'; MAX_ROOTS_BYTES + 1];
        let refused = Roots::with_private(&long).map(|_| ());
        assert_eq!(refused, Err(BadRoots::TooLarge));
    }

    #[test]
    fn the_built_in_list_is_not_empty() {
        let roots = Roots::built_in();
        assert!(roots.store.roots.len() > 50 && !roots.has_private());
    }
}

//! The server's static Noise key and its certificate chain, under a root key of the simulator.

use buffa::{Message as _, MessageField};
use rand::rngs::StdRng;
use wacore_libsignal::protocol::{KeyPair, PrivateKey};
use waproto::whatsapp as wa;
use waproto::whatsapp::cert_chain::NoiseCertificate;
use waproto::whatsapp::cert_chain::noise_certificate::Details;

use crate::clock::unix_now;

/// The serials that clients check: the root is 0, and each certificate contains its issuer's.
const INTERMEDIATE_SERIAL: u32 = 1;
const LEAF_SERIAL: u32 = 2;
/// The validity of a chain, in seconds. A client uses a cached chain for Noise IK only while it is valid.
const VALIDITY: u64 = 365 * 24 * 3600;
/// Certificates are backdated by this many seconds: the client's clock may be behind.
const BACKDATED: u64 = 24 * 3600;

/// The root key, the intermediate key, and the static key of the server.
pub(crate) struct Authority {
    root: KeyPair,
    server: KeyPair,
    chain: Vec<u8>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::under(KeyPair::generate(&mut rng()))
    }

    /// The same root with a new server key: all cached chains become stale.
    pub(crate) fn rotated(&self) -> Self {
        Self::under(self.root.clone())
    }

    fn under(root: KeyPair) -> Self {
        let intermediate = KeyPair::generate(&mut rng());
        let server = KeyPair::generate(&mut rng());
        let chain = wa::CertChain {
            intermediate: MessageField::some(certificate(
                INTERMEDIATE_SERIAL,
                0,
                &intermediate,
                &root.private_key,
            )),
            leaf: MessageField::some(certificate(
                LEAF_SERIAL,
                INTERMEDIATE_SERIAL,
                &server,
                &intermediate.private_key,
            )),
        };
        Self {
            root,
            server,
            chain: chain.encode_to_vec(),
        }
    }

    pub(crate) fn root_public(&self) -> [u8; 32] {
        public(&self.root)
    }

    pub(crate) fn server_public(&self) -> [u8; 32] {
        public(&self.server)
    }

    pub(crate) fn server_private(&self) -> &[u8; 32] {
        self.server.private_key.serialize()
    }

    /// An encoded `CertChain`.
    pub(crate) fn chain(&self) -> &[u8] {
        &self.chain
    }
}

/// `signature = XEdDSA(issuer, details)`.
fn certificate(
    serial: u32,
    issuer_serial: u32,
    subject: &KeyPair,
    issuer: &PrivateKey,
) -> NoiseCertificate {
    let now = unix_now();
    let details = Details {
        serial: Some(serial),
        issuer_serial: Some(issuer_serial),
        key: Some(public(subject).to_vec()),
        not_before: Some(now - BACKDATED),
        not_after: Some(now + VALIDITY),
    }
    .encode_to_vec();
    let signature = issuer
        .calculate_signature(&details, &mut rng())
        .expect("a Curve25519 key signs any message");
    NoiseCertificate {
        details: Some(details),
        signature: Some(signature.to_vec()),
    }
}

pub(crate) fn public(pair: &KeyPair) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(pair.public_key.public_key_bytes());
    key
}

fn rng() -> StdRng {
    rand::make_rng()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wacore_libsignal::protocol::PublicKey;

    fn signed_by(issuer: &[u8], certificate: &NoiseCertificate) -> bool {
        let key = PublicKey::from_djb_public_key_bytes(issuer).expect("a key");
        key.verify_signature(
            certificate.details.as_ref().expect("details"),
            certificate.signature.as_ref().expect("a signature"),
        )
    }

    #[test]
    fn both_signatures_verify_with_their_issuer() {
        let authority = Authority::new();
        let chain = waproto::codec::cert_chain_decode(authority.chain()).expect("a chain");
        let intermediate = chain.intermediate.as_option().expect("an intermediate");
        let leaf = chain.leaf.as_option().expect("a leaf");
        let details = waproto::codec::noise_certificate_details_decode(
            intermediate.details.as_ref().expect("details"),
        )
        .expect("details");
        assert!(signed_by(&authority.root_public(), intermediate));
        assert!(signed_by(details.key.as_ref().expect("a key"), leaf));
        assert!(!signed_by(&authority.root_public(), leaf));
    }

    #[test]
    fn rotation_keeps_the_root_and_changes_the_server_key() {
        let first = Authority::new();
        let second = first.rotated();
        assert_eq!(first.root_public(), second.root_public());
        assert_ne!(first.server_public(), second.server_public());
    }
}

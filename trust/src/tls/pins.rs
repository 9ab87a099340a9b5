//! Verifies pinned keys at each end. rustls also checks, as usual, that the peer owns the private key of its
//! certificate.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    PeerIncompatible, SignatureScheme,
};

use super::{Known, WrongAgent};
use crate::Fingerprint;

/// Which peers an end accepts.
pub(super) enum Peer {
    /// Enrolled clients.
    Known(Arc<dyn Known>),
    /// The agent with this key.
    Agent(Fingerprint),
    /// Anyone who owns their key: the enrolment protocol authenticates them.
    Anyone,
}

/// Verifies the peer's key, at either end.
pub(super) struct Pins {
    peer: Peer,
    signatures: WebPkiSupportedAlgorithms,
}

impl Pins {
    pub(super) fn new(peer: Peer) -> Arc<Self> {
        let signatures = ring::default_provider().signature_verification_algorithms;
        Arc::new(Self { peer, signatures })
    }

    fn check(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        let found = Fingerprint::of_certificate(certificate);
        let found = found.map_err(|_| CertificateError::BadEncoding)?;
        match &self.peer {
            Peer::Known(known) if known.is_known(&found) => Ok(()),
            Peer::Known(_) => Err(CertificateError::ApplicationVerificationFailure.into()),
            Peer::Agent(agent) if *agent == found => Ok(()),
            Peer::Agent(agent) => {
                let expected = *agent;
                let wrong = WrongAgent { expected, found };
                Err(CertificateError::Other(OtherError(Arc::new(wrong))).into())
            }
            Peer::Anyone => Ok(()),
        }
    }
}

impl fmt::Debug for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pins")
    }
}

impl ClientCertVerifier for Pins {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(certificate)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

impl ServerCertVerifier for Pins {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(certificate)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.signatures)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_schemes()
    }
}

/// Unreachable: these configurations only offer TLS 1.3.
fn too_old() -> Error {
    PeerIncompatible::Tls12NotOffered.into()
}

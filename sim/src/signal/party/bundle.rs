//! Prekey bundles: the keys that a device publishes so that others can start a session with it.

use wacore_libsignal::protocol::{
    DeviceId, IdentityKey, PreKeyBundle, PublicKey, SignalProtocolError,
};

use crate::signal::party::error::Error;

/// A prekey, signed by the identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedPreKey {
    /// 24 bits on the wire.
    pub id: u32,
    /// Without libsignal's type byte.
    pub public: [u8; 32],
    /// XEdDSA over `05 | public`.
    pub signature: [u8; 64],
}

/// The keys of a device for one session. All of them are public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// The device's registration id.
    pub registration_id: u32,
    /// The device's identity key, without libsignal's type byte.
    pub identity: [u8; 32],
    /// The signed prekey.
    pub signed: SignedPreKey,
    /// A one-time prekey (24-bit id, public key), unless there are none left.
    pub one_time: Option<(u32, [u8; 32])>,
}

impl Bundle {
    /// Verifies the signed prekey's signature with the identity.
    ///
    /// # Errors
    /// The signature is not the identity's.
    pub fn verify(&self) -> Result<(), Error> {
        let signed = public_key(&self.signed.public)?.serialize();
        if public_key(&self.identity)?.verify_signature(&signed, &self.signed.signature) {
            Ok(())
        } else {
            Err(Error::SignedPreKey(self.signed.id))
        }
    }

    pub(super) fn to_signal(&self, device: DeviceId) -> Result<PreKeyBundle, Error> {
        let Self {
            registration_id,
            identity,
            signed,
            one_time,
        } = self;
        let one_time = match one_time {
            Some((id, public)) => Some(((*id).into(), public_key(public)?)),
            None => None,
        };
        Ok(PreKeyBundle::new(
            *registration_id,
            device,
            one_time,
            signed.id.into(),
            public_key(&signed.public)?,
            signed.signature.to_vec(),
            IdentityKey::new(public_key(identity)?),
        )?)
    }
}

fn public_key(bytes: &[u8; 32]) -> Result<PublicKey, Error> {
    Ok(PublicKey::from_djb_public_key_bytes(bytes).map_err(SignalProtocolError::from)?)
}

/// A public key without libsignal's type byte, as on the wire.
pub(super) fn raw(key: &PublicKey) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(key.public_key_bytes());
    out
}

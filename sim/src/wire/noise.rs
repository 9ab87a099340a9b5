//! The responder's side of WhatsApp's three Noise handshakes. Pure: messages in, messages and ciphers out.
//!
//! ```text
//! XX          -> e            <- e, ee, s, es, chain     -> s, se, payload
//! IK          -> e, es, s, ss, payload                   <- e, ee, se, chain
//! XXfallback  an IK hello that does not decrypt: its e is kept, the rest is as in XX
//! ```

use buffa::MessageField;
use rand::rngs::StdRng;
use wacore_binary::consts::{
    NOISE_PATTERN_IK, NOISE_PATTERN_XX, NOISE_PATTERN_XXFALLBACK, WA_CONN_HEADER,
};
use wacore_libsignal::protocol::KeyPair;
use wacore_noise::{HandshakeError, NoiseCipher, NoiseHandshake};
use waproto::codec;
use waproto::whatsapp as wa;
use waproto::whatsapp::handshake_message::{ClientHello, ServerHello};

use crate::wire::cert::{Authority, public};

/// Why a handshake failed. Always caused by the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("handshake message: {0}")]
    Decode(#[from] buffa::DecodeError),
    #[error("the handshake message has no {0}")]
    Missing(&'static str),
    #[error("{0} is not 32 bytes")]
    Length(&'static str),
    #[error(transparent)]
    Noise(#[from] HandshakeError),
}

/// The kind of handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// The client had no cached server key.
    Xx,
    /// The client knew the server's static key, and sent its payload immediately.
    Ik,
    /// The client had a cached key that is not the server's current one.
    XxFallback,
}

/// The server's reply, and whether the client has another message to send.
pub(crate) enum Reply {
    Finished {
        hello: Vec<u8>,
        session: Box<Session>,
    },
    Continue {
        hello: Vec<u8>,
        pending: Box<Pending>,
    },
}

/// An established connection: the client's static key and payload, and the two ciphers.
pub(crate) struct Session {
    pub(crate) pattern: Pattern,
    pub(crate) client_static: [u8; 32],
    /// An encoded `ClientPayload`.
    pub(crate) payload: Vec<u8>,
    pub(crate) send: NoiseCipher,
    pub(crate) receive: NoiseCipher,
}

/// An XX handshake that waits for the client's last message.
pub(crate) struct Pending {
    noise: NoiseHandshake,
    ephemeral: KeyPair,
    pattern: Pattern,
}

/// Handles a client hello. With `refuse_ik`, an IK hello is rejected even if it is valid.
pub(crate) fn respond(
    authority: &Authority,
    message: &[u8],
    refuse_ik: bool,
) -> Result<Reply, Error> {
    let hello = codec::handshake_message_decode(message)?
        .client_hello
        .into_option()
        .ok_or(Error::Missing("client hello"))?;
    let ephemeral = key(hello.ephemeral.as_deref(), "client ephemeral")?;
    if hello.r#static.is_none() {
        return answer_xx(authority, &ephemeral, Pattern::Xx);
    }
    match answer_ik(authority, &hello, &ephemeral) {
        Ok(reply) if !refuse_ik => Ok(reply),
        _ => answer_xx(authority, &ephemeral, Pattern::XxFallback),
    }
}

fn answer_xx(
    authority: &Authority,
    client_ephemeral: &[u8; 32],
    pattern: Pattern,
) -> Result<Reply, Error> {
    let name = match pattern {
        Pattern::XxFallback => NOISE_PATTERN_XXFALLBACK,
        Pattern::Xx | Pattern::Ik => NOISE_PATTERN_XX,
    };
    let mut noise = NoiseHandshake::new(name, &WA_CONN_HEADER)?;
    let ephemeral = KeyPair::generate(&mut rand::make_rng::<StdRng>());
    noise.authenticate(client_ephemeral);
    noise.authenticate(&public(&ephemeral));
    noise.mix_shared_secret(ephemeral.private_key.serialize(), client_ephemeral)?;
    let server_static = noise.encrypt(&authority.server_public())?;
    noise.mix_shared_secret(authority.server_private(), client_ephemeral)?;
    let chain = noise.encrypt(authority.chain())?;
    let hello = server_hello(&ephemeral, Some(server_static), chain);
    let pending = Box::new(Pending {
        noise,
        ephemeral,
        pattern,
    });
    Ok(Reply::Continue { hello, pending })
}

fn answer_ik(
    authority: &Authority,
    hello: &ClientHello,
    client_ephemeral: &[u8; 32],
) -> Result<Reply, Error> {
    let sealed_static = hello.r#static.as_deref().unwrap_or_default();
    let sealed_payload = hello
        .payload
        .as_deref()
        .ok_or(Error::Missing("early payload"))?;
    let mut noise = NoiseHandshake::new(NOISE_PATTERN_IK, &WA_CONN_HEADER)?;
    noise.authenticate(&authority.server_public());
    noise.authenticate(client_ephemeral);
    noise.mix_shared_secret(authority.server_private(), client_ephemeral)?;
    let client_static = key(Some(&noise.decrypt(sealed_static)?), "client static")?;
    noise.mix_shared_secret(authority.server_private(), &client_static)?;
    let payload = noise.decrypt(sealed_payload)?;

    let ephemeral = KeyPair::generate(&mut rand::make_rng::<StdRng>());
    noise.authenticate(&public(&ephemeral));
    noise.mix_shared_secret(ephemeral.private_key.serialize(), client_ephemeral)?;
    noise.mix_shared_secret(ephemeral.private_key.serialize(), &client_static)?;
    let chain = noise.encrypt(authority.chain())?;
    let hello = server_hello(&ephemeral, None, chain);
    let session = Box::new(established(noise, Pattern::Ik, client_static, payload)?);
    Ok(Reply::Finished { hello, session })
}

impl Pending {
    /// Handles the client's last message.
    pub(crate) fn finish(mut self, message: &[u8]) -> Result<Session, Error> {
        let finish = codec::handshake_message_decode(message)?
            .client_finish
            .into_option()
            .ok_or(Error::Missing("client finish"))?;
        let sealed_static = finish
            .r#static
            .as_deref()
            .ok_or(Error::Missing("client static"))?;
        let sealed_payload = finish
            .payload
            .as_deref()
            .ok_or(Error::Missing("client payload"))?;
        let client_static = key(Some(&self.noise.decrypt(sealed_static)?), "client static")?;
        self.noise
            .mix_shared_secret(self.ephemeral.private_key.serialize(), &client_static)?;
        let payload = self.noise.decrypt(sealed_payload)?;
        established(self.noise, self.pattern, client_static, payload)
    }
}

fn established(
    noise: NoiseHandshake,
    pattern: Pattern,
    client_static: [u8; 32],
    payload: Vec<u8>,
) -> Result<Session, Error> {
    // The initiator sends with the first key of the split.
    let (receive, send) = noise.finish()?;
    Ok(Session {
        pattern,
        client_static,
        payload,
        send,
        receive,
    })
}

fn server_hello(
    ephemeral: &KeyPair,
    server_static: Option<Vec<u8>>,
    sealed_chain: Vec<u8>,
) -> Vec<u8> {
    codec::handshake_message_to_vec(&wa::HandshakeMessage {
        server_hello: MessageField::some(ServerHello {
            ephemeral: Some(public(ephemeral).to_vec()),
            r#static: server_static,
            payload: Some(sealed_chain),
            ..Default::default()
        }),
        ..Default::default()
    })
}

fn key(bytes: Option<&[u8]>, name: &'static str) -> Result<[u8; 32], Error> {
    bytes
        .ok_or(Error::Missing(name))?
        .try_into()
        .map_err(|_| Error::Length(name))
}

#[cfg(test)]
mod tests;

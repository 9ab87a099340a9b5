//! One socket: WebSocket, intro, Noise handshake, then stanzas in both directions until one side closes it.
//!
//! ```text
//! serve -> handshake -> admit (pairing | companion | failure) -> read and write concurrently
//! ```
//!
//! Stanzas are only decrypted and encrypted here; `rules` interprets them.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_websockets::{Message, ServerBuilder, WebSocketStream};
use wacore_binary::Node;
use wacore_binary::consts::WA_CONN_HEADER;
use wacore_binary::marshal::unmarshal_ref;
use wacore_binary::util::unpack_bytes;
use wacore_noise::NoiseCipher;
use wacore_noise::framing::{FrameDecoder, append_frame_into};

use crate::delivery::backlog::feed;
use crate::phones::bootstrap;
use crate::rules;
use crate::rules::login;
use crate::rules::role::Role;
use crate::server::pulse;
use crate::state::companion::SocketEnd;
use crate::state::config::Leniency;
use crate::state::link::{Fate, Link, Outgoing};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::deflate;
use crate::wire::noise;
use crate::wire::noise::{Reply, Session};

/// The target size of a WebSocket message: frames are batched up to it.
const BATCH_BYTES: usize = 64 * 1024;
/// The maximum number of stanzas taken from the link at a time.
const BATCH_STANZAS: usize = 128;
/// How long to wait for the client's reply to a WebSocket close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// The delay between the last stanza of a stream and the end of its socket, which has no WebSocket close.
const CLOSE_DELAY: Duration = Duration::from_millis(130);
const ROUTING_INTRO: &[u8] = b"ED\0\x01";

/// The transport of a connection.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<W: AsyncRead + AsyncWrite + Send + Unpin> Wire for W {}

type Sink = SplitSink<WebSocketStream<Box<dyn Wire>>, Message>;
type Stream = SplitStream<WebSocketStream<Box<dyn Wire>>>;

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("websocket")]
    WebSocket(#[from] tokio_websockets::Error),
    #[error("the intro is not WhatsApp's")]
    Intro,
    #[error("handshake")]
    Handshake(#[from] noise::Error),
    #[error("transport")]
    Transport(#[from] wacore_noise::NoiseError),
    #[error("stanza")]
    Stanza(#[from] wacore_binary::BinaryError),
    #[error("client payload")]
    Payload(#[from] buffa::DecodeError),
    #[error("frame: {0}")]
    Frame(String),
    #[error("the client closed the socket")]
    Closed,
    #[error("the socket ended")]
    Ended,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(shared: Arc<Shared>, wire: Box<dyn Wire>) {
    let link = shared.new_link();
    let converse = converse(&shared, &link, wire);
    tokio::pin!(converse);
    let end = tokio::select! {
        // A socket that is about to end must not be polled again.
        biased;
        fate = link.doomed() => {
            // The pinned future keeps the socket open without polling it.
            if fate == Fate::Frozen {
                link.cut().await;
            }
            SocketEnd::Cut
        }
        outcome = &mut converse => match outcome {
            Ok(()) => SocketEnd::Cut,
            Err(error) => {
                report(&shared, &link, &error);
                match error {
                    Error::Closed => SocketEnd::Closed,
                    _ => SocketEnd::Cut,
                }
            }
        }
    };
    lock(&shared.state).unlink_socket(link.id, end);
    shared.announce();
}

fn report(shared: &Shared, link: &Link, error: &Error) {
    let who = format!("socket {}", link.id);
    match error {
        Error::Closed | Error::Ended | Error::WebSocket(_) => {
            tracing::debug!(link = link.id, %error, "socket ended");
        }
        Error::Transport(_) => {
            let rule = "every frame decrypts with the transport key";
            lock(&shared.verdicts).check(&who, rule, Err(error));
        }
        Error::Handshake(source) => {
            let rule = "the Noise handshake completes";
            lock(&shared.verdicts).check(&who, rule, Err(source));
        }
        Error::Intro | Error::Stanza(_) | Error::Payload(_) | Error::Frame(_) => {
            let rule = "frames and stanzas are well formed";
            lock(&shared.verdicts).check(&who, rule, Err(error));
        }
    }
}

async fn converse(
    shared: &Arc<Shared>,
    link: &Arc<Link>,
    wire: Box<dyn Wire>,
) -> Result<(), Error> {
    let (_request, socket) = ServerBuilder::new().accept(wire).await?;
    let (mut sink, stream) = socket.split();
    let mut incoming = Incoming::new(stream);
    let session = handshake(shared, &mut sink, &mut incoming).await?;
    let Session {
        pattern,
        client_static,
        payload,
        send,
        receive,
    } = session;
    lock(&shared.verdicts).check::<&str>("handshake", "the Noise handshake completes", Ok(()));
    shared.count_handshake(pattern);
    let role = login::admit(shared, link, client_static, &payload)?;
    tokio::select! {
        outcome = read(shared, link, &role, &receive, &mut incoming) => return outcome,
        outcome = write(shared, link, &role, &send, &mut sink) => match outcome? {
            Ending::LastStanza => {}
            Ending::Closed => return close(&mut sink).await,
            Ending::Cut => return Ok(()),
        },
        () = watch(shared, link, &role) => std::future::pending().await,
    }
    if shared.config.is_strict(Leniency::Endings) {
        // The socket ends when it is dropped.
        tokio::time::sleep(CLOSE_DELAY).await;
        return Ok(());
    }
    close(&mut sink).await
}

/// After closing, incoming bytes are discarded: no other task may read the socket, or frames would be missing.
async fn close(sink: &mut Sink) -> Result<(), Error> {
    match tokio::time::timeout(CLOSE_TIMEOUT, sink.close()).await {
        Ok(closed) => Ok(closed?),
        Err(_) => Ok(()),
    }
}

/// The timers of a linked socket.
async fn watch(shared: &Shared, link: &Link, role: &Role) {
    match role {
        Role::Companion(device) => pulse::run(shared, link, device).await,
        Role::Pairing | Role::Refused => std::future::pending().await,
    }
}

async fn handshake(
    shared: &Shared,
    sink: &mut Sink,
    incoming: &mut Incoming,
) -> Result<Session, Error> {
    let hello = incoming.frame().await?;
    let authority = shared.authority();
    match noise::respond(&authority, &hello, shared.config.refuse_ik)? {
        Reply::Finished { hello, session } => {
            send_frame(sink, &hello).await?;
            Ok(*session)
        }
        Reply::Continue { hello, pending } => {
            send_frame(sink, &hello).await?;
            Ok(pending.finish(&incoming.frame().await?)?)
        }
    }
}

async fn send_frame(sink: &mut Sink, payload: &[u8]) -> Result<(), Error> {
    let mut frame = BytesMut::new();
    append_frame_into(payload, None, &mut frame)
        .map_err(|error| Error::Frame(error.to_string()))?;
    sink.send(Message::binary(frame.freeze())).await?;
    Ok(())
}

async fn read(
    shared: &Arc<Shared>,
    link: &Arc<Link>,
    role: &Role,
    cipher: &NoiseCipher,
    incoming: &mut Incoming,
) -> Result<(), Error> {
    let mut counter = 0;
    loop {
        let mut frame = incoming.frame().await?;
        cipher.decrypt_in_place_with_counter(counter, &mut frame)?;
        counter += 1;
        let node = decode(frame)?;
        tracing::trace!(link = link.id, ?node, "received");
        rules::receive(shared, link, role, &node);
    }
}

fn decode(frame: BytesMut) -> Result<Node, Error> {
    let bytes = unpack_bytes(frame)?;
    Ok(unmarshal_ref(&bytes)?.to_owned())
}

/// How writing to a socket ends.
#[derive(PartialEq, Eq)]
enum Ending {
    /// After a last stanza.
    LastStanza,
    /// After a last stanza, with an immediate close.
    Closed,
    /// Without a last stanza.
    Cut,
}

/// Writes the queued stanzas until the socket is to be ended.
async fn write(
    shared: &Shared,
    link: &Link,
    role: &Role,
    cipher: &NoiseCipher,
    sink: &mut Sink,
) -> Result<Ending, Error> {
    let mut counter = 0;
    loop {
        if let Role::Companion(device) = role {
            feed(&mut lock(&shared.state), device, link);
            bootstrap::begin(shared, device);
        }
        let mut frames = BytesMut::new();
        let mut end = None;
        for outgoing in link.outgoing(BATCH_STANZAS).await {
            let mut bytes = match outgoing {
                Outgoing::Stanza(bytes) => bytes,
                Outgoing::End => {
                    end = Some(Ending::LastStanza);
                    break;
                }
                Outgoing::Close => {
                    end = Some(Ending::Closed);
                    break;
                }
                Outgoing::Cut => {
                    end = Some(Ending::Cut);
                    break;
                }
            };
            bytes = deflate::packed(bytes, shared.config.compress_from);
            cipher.encrypt_in_place_with_counter(counter, &mut bytes)?;
            counter += 1;
            append_frame_into(&bytes, None, &mut frames)
                .map_err(|error| Error::Frame(error.to_string()))?;
            if frames.len() >= BATCH_BYTES {
                sink.send(Message::binary(frames.split().freeze())).await?;
            }
        }
        if !frames.is_empty() {
            sink.send(Message::binary(frames.freeze())).await?;
        }
        if let Some(end) = end {
            return Ok(end);
        }
    }
}

/// The client's frames, which need not match WebSocket message boundaries.
struct Incoming {
    stream: Stream,
    /// Bytes before the first frame, until the intro is complete.
    intro: Option<BytesMut>,
    frames: FrameDecoder,
}

impl Incoming {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            intro: Some(BytesMut::new()),
            frames: FrameDecoder::new(),
        }
    }

    async fn frame(&mut self) -> Result<BytesMut, Error> {
        loop {
            if let Some(frame) = self.frames.decode_frame() {
                return Ok(frame);
            }
            let message = self.stream.next().await.ok_or(Error::Ended)??;
            if message.is_close() {
                return Err(Error::Closed);
            }
            if message.is_binary() {
                self.feed(message.as_payload())?;
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Some(mut intro) = self.intro.take() else {
            self.frames.feed(bytes);
            return Ok(());
        };
        intro.extend_from_slice(bytes);
        if skip_intro(&mut intro)? {
            self.frames.feed(&intro);
        } else {
            self.intro = Some(intro);
        }
        Ok(())
    }
}

/// Strips `[ED 00 01 | length (3) | routing info] | WA 06 03` from the front. False: more bytes are needed.
fn skip_intro(bytes: &mut BytesMut) -> Result<bool, Error> {
    let routed = bytes.starts_with(ROUTING_INTRO);
    let mut start = 0;
    if routed {
        let Some(&[high, middle, low]) = bytes.get(4..7) else {
            return Ok(false);
        };
        start = 7 + usize::from(high) * 0x1_0000 + usize::from(middle) * 0x100 + usize::from(low);
    } else if ROUTING_INTRO.starts_with(bytes) {
        return Ok(false);
    }
    let Some(header) = bytes.get(start..start + WA_CONN_HEADER.len()) else {
        return Ok(false);
    };
    if header != WA_CONN_HEADER {
        return Err(Error::Intro);
    }
    bytes.advance(start + WA_CONN_HEADER.len());
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skip(bytes: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = BytesMut::from(bytes);
        Ok(skip_intro(&mut bytes)?.then(|| bytes.to_vec()))
    }

    #[test]
    fn the_intro_may_contain_routing_info_and_arrive_in_pieces() {
        assert_eq!(
            skip(b"WA\x06\x03rest").expect("intro"),
            Some(b"rest".to_vec())
        );
        let routed = b"ED\0\x01\0\0\x02xyWA\x06\x03rest";
        assert_eq!(skip(routed).expect("intro"), Some(b"rest".to_vec()));
        for cut in 0..routed.len() - 4 {
            assert_eq!(skip(&routed[..cut]).expect("intro"), None, "{cut}");
        }
        assert!(skip(b"GET / HTTP/1.1").is_err());
        assert!(skip(b"WA\x05\x02").is_err());
    }
}

//! A connection of any transport, and its caller.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use openclaw_state::clients::Pass;
use openclaw_state::send_to::SendTo;
use openclaw_trust::{Fingerprint, Role};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::seats::Seat;

/// The caller; attached to every request of the connection.
#[derive(Clone, Debug)]
pub(in crate::edge::grpc) struct Caller {
    /// The client's name and key; `None` for a local caller.
    pub(in crate::edge::grpc) client: Option<(Arc<str>, Fingerprint)>,
    pub(in crate::edge::grpc) role: Role,
    /// The recipients it may send to; `None`: no limit.
    pub(in crate::edge::grpc) send_to: Option<Arc<SendTo>>,
    pub(in crate::edge::grpc) via: Transport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::edge::grpc) enum Transport {
    Unix,
    Loopback,
    Tls,
}

/// A connection of any transport.
pub(in crate::edge::grpc) struct Conn {
    stream: Stream,
    caller: Caller,
    hold: Option<Hold>,
}

enum Stream {
    Unix(UnixStream),
    Plaintext(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What a client's connection holds until it closes.
struct Hold {
    /// Resolves when the client's access is revoked or its seat is taken; `None` afterwards.
    must_close: Option<BoxFuture<'static, ()>>,
    _pass: Pass,
    _seat: Seat,
}

impl Conn {
    pub(super) const fn unix(stream: UnixStream) -> Self {
        Self::local(Stream::Unix(stream), Transport::Unix)
    }

    pub(super) const fn plaintext(stream: TcpStream) -> Self {
        Self::local(Stream::Plaintext(stream), Transport::Loopback)
    }

    /// A local connection: a caller that can open it has all rights.
    const fn local(stream: Stream, via: Transport) -> Self {
        let caller = Caller {
            client: None,
            role: Role::Admin,
            send_to: None,
            via,
        };
        Self {
            stream,
            caller,
            hold: None,
        }
    }

    pub(super) fn tls(stream: TlsStream<TcpStream>, mut pass: Pass, mut seat: Seat) -> Self {
        let caller = Caller {
            client: Some((Arc::clone(&pass.name), pass.client)),
            role: pass.role,
            send_to: pass.send_to.clone(),
            via: Transport::Tls,
        };
        let (revoked, lost) = (pass.severed(), seat.lost());
        let must_close = async move {
            tokio::select! {
                () = revoked => {}
                () = lost => {}
            }
        };
        let hold = Hold {
            must_close: Some(Box::pin(must_close)),
            _pass: pass,
            _seat: seat,
        };
        Self {
            stream: Stream::Tls(Box::new(stream)),
            caller,
            hold: Some(hold),
        }
    }

    /// Checks that the connection may continue. If so, the polling task is woken when that changes, even on an idle
    /// connection.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(hold) = &mut self.hold else {
            return Ok(());
        };
        if let Some(must_close) = &mut hold.must_close
            && must_close.as_mut().poll(cx).is_pending()
        {
            return Ok(());
        }
        hold.must_close = None;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl Connected for Conn {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

/// Forwards to the inner stream.
macro_rules! inner {
    ($conn:expr, $stream:ident => $do:expr) => {
        match &mut $conn.stream {
            Stream::Unix(stream) => {
                let $stream = Pin::new(stream);
                $do
            }
            Stream::Plaintext(stream) => {
                let $stream = Pin::new(stream);
                $do
            }
            Stream::Tls(stream) => {
                let $stream = Pin::new(stream);
                $do
            }
        }
    };
}

impl AsyncRead for Conn {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        inner!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Conn {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        inner!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        inner!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        inner!(self, stream => stream.poll_shutdown(cx))
    }
}

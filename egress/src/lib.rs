//! How the agent's connections leave this machine: directly or through a proxy, and whose certificates are accepted.
//! WhatsApp's socket, its media hosts, the request for the client version and the alerts all connect here.
//!
//! ```text
//! proxy    a proxy's URL               bypass   the hosts that need none (NO_PROXY)
//! tunnel   HTTP CONNECT                socks    SOCKS5
//! roots    certificate authorities     http     one bounded request
//! ```
//!
//! It reads no settings and no environment, has no timeout of its own, and never shows the credentials of a proxy.

mod bypass;
mod error;
mod http;
mod proxy;
mod roots;
mod socks;
mod tunnel;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hyper::Uri;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio_rustls::TlsConnector;

pub use bypass::Bypass;
pub use error::Error;
pub use http::Answer;
pub use proxy::{BadProxy, Proxy};
pub use roots::{BadRoots, MAX_ROOTS_BYTES, Roots};

use proxy::Scheme;

/// What a connection is: bytes in both directions.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An open connection.
pub type Stream = Box<dyn Io>;

/// The way out. Clones are the same one.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    proxy: Option<Proxy>,
    /// The setting or variable that names the proxy.
    source: &'static str,
    bypass: Bypass,
    tls: Arc<ClientConfig>,
    has_private_roots: bool,
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// A name or an address, IPv6 without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// Whether the connection is encrypted, and the host's certificate checked.
    pub tls: bool,
    /// The size of the kernel's send buffer in bytes; `None` for the system's default.
    pub send_buffer: Option<u32>,
}

impl<'a> Target<'a> {
    /// A host over TLS.
    #[must_use]
    pub const fn tls(host: &'a str, port: u16) -> Self {
        Self {
            host,
            port,
            tls: true,
            send_buffer: None,
        }
    }

    /// A host in plain text.
    #[must_use]
    pub const fn plain(host: &'a str, port: u16) -> Self {
        Self {
            tls: false,
            ..Self::tls(host, port)
        }
    }

    /// The host that a URL names: over TLS if its scheme is `https` or `wss`, at the usual port unless it has another.
    #[must_use]
    pub fn of(uri: &'a Uri) -> Option<Self> {
        let host = unbracketed(uri.host()?);
        Some(match uri.scheme_str() {
            Some("https" | "wss") => Self::tls(host, uri.port_u16().unwrap_or(443)),
            _ => Self::plain(host, uri.port_u16().unwrap_or(80)),
        })
    }

    /// `HOST:PORT`, with brackets around an IPv6 address.
    fn authority(&self) -> String {
        authority(self.host, self.port)
    }
}

impl Egress {
    /// Connects directly, and trusts the authorities that are built in.
    #[must_use]
    pub fn direct() -> Self {
        Self::new(None, Bypass::default(), &Roots::built_in())
    }

    /// Connects through `proxy`, if there is one, except to the hosts in `bypass`. `proxy` comes with the name of the setting
    /// or variable that it is from.
    #[must_use]
    pub fn new(proxy: Option<(Proxy, &'static str)>, bypass: Bypass, roots: &Roots) -> Self {
        let (proxy, source) = proxy.map_or((None, ""), |(proxy, source)| (Some(proxy), source));
        Self(Arc::new(Inner {
            proxy,
            source,
            bypass,
            tls: roots.client_config(),
            has_private_roots: roots.has_private(),
        }))
    }

    /// The proxy, and the setting or variable that names it.
    #[must_use]
    pub fn proxy(&self) -> Option<(&Proxy, &'static str)> {
        Some((self.0.proxy.as_ref()?, self.0.source))
    }

    /// The proxy for this host, unless it is exempt from it.
    #[must_use]
    pub fn proxy_for(&self, host: &str, port: u16) -> Option<&Proxy> {
        let proxy = self.0.proxy.as_ref()?;
        (!self.0.bypass.matches(host, port)).then_some(proxy)
    }

    /// True if authorities besides those that are built in are trusted.
    #[must_use]
    pub fn has_private_roots(&self) -> bool {
        self.0.has_private_roots
    }

    /// Opens a connection. There is no time limit.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn connect(&self, to: &Target<'_>) -> Result<Stream, Error> {
        let proxy = self.proxy_for(to.host, to.port);
        let stream = match proxy {
            None => direct(to).await?,
            Some(proxy) => self.through(proxy, to).await?,
        };
        if !to.tls {
            return Ok(stream);
        }
        match self.secure(to.host, stream).await {
            Ok(stream) => Ok(stream),
            Err(error) => Err(Error::tls(to.host, &error, proxy)),
        }
    }

    async fn through(&self, proxy: &Proxy, to: &Target<'_>) -> Result<Stream, Error> {
        let (host, port) = (proxy.host(), proxy.port());
        let tcp = match open_tcp(host, port, to.send_buffer).await {
            Ok(tcp) => tcp,
            Err(source) => {
                return Err(Error::ProxyUnreachable {
                    proxy: proxy.to_string(),
                    source,
                });
            }
        };
        let stream: Stream = Box::new(tcp);
        match proxy.scheme() {
            Scheme::Http => tunnel::open(stream, proxy, self.0.source, to).await,
            Scheme::Https => {
                let stream = match self.secure(host, stream).await {
                    Ok(stream) => stream,
                    Err(error) => return Err(Error::tls(host, &error, None)),
                };
                tunnel::open(stream, proxy, self.0.source, to).await
            }
            Scheme::Socks5 => {
                let address = resolve(to).await?;
                let to = socks::Destination::Address(address);
                socks::open(stream, proxy, self.0.source, to).await
            }
            Scheme::Socks5h => {
                let to = socks::Destination::of(to);
                socks::open(stream, proxy, self.0.source, to).await
            }
        }
    }

    async fn secure(&self, host: &str, stream: Stream) -> std::io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned());
        let name = name.map_err(|_| std::io::Error::other("it has no valid name"))?;
        let connector = TlsConnector::from(Arc::clone(&self.0.tls));
        Ok(Box::new(connector.connect(name, stream).await?))
    }
}

/// Shows no credentials.
impl std::fmt::Debug for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Egress")
            .field("proxy", &self.0.proxy)
            .finish_non_exhaustive()
    }
}

async fn direct(to: &Target<'_>) -> Result<Stream, Error> {
    let opened = open_tcp(to.host, to.port, to.send_buffer).await;
    let tcp = opened.map_err(|source| Error::Unreachable {
        target: to.authority(),
        source,
    })?;
    Ok(Box::new(tcp))
}

/// Connects to the first address of the host that accepts. Small writes are sent at once: otherwise each would wait for the
/// acknowledgement of the one before, 40 ms and more.
async fn open_tcp(host: &str, port: u16, send_buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let mut failed = None;
    let addresses: Vec<_> = lookup_host((host, port)).await?.collect();
    for address in addresses {
        match open_address(address, send_buffer).await {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => failed = Some(error),
        }
    }
    Err(failed.unwrap_or_else(|| std::io::Error::other("the name has no address")))
}

async fn open_address(address: SocketAddr, send_buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(bytes) = send_buffer {
        // The connection also works if this fails.
        let _ = socket.set_send_buffer_size(bytes);
    }
    socket.connect(address).await
}

/// An address of the host, IPv4 if it has one: many a proxy has no IPv6.
async fn resolve(to: &Target<'_>) -> Result<SocketAddr, Error> {
    let found = lookup_host((to.host, to.port)).await;
    let found: std::io::Result<Vec<_>> = found.map(Iterator::collect);
    let chosen = found.and_then(|found| {
        let four = found.iter().find(|address| address.is_ipv4());
        let chosen = four.or(found.first()).copied();
        chosen.ok_or_else(|| std::io::Error::other("the name has no address"))
    });
    chosen.map_err(|source| Error::Unreachable {
        target: to.authority(),
        source,
    })
}

/// A host without the brackets that are around an IPv6 address in a URL.
#[must_use]
pub fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

fn authority(host: &str, port: u16) -> String {
    match host.parse() {
        Ok(IpAddr::V6(address)) => format!("[{address}]:{port}"),
        _ => format!("{host}:{port}"),
    }
}

#[cfg(test)]
mod tests;

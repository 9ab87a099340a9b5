//! SOCKS5: RFC 1928, with a user name and a password (RFC 1929).
//!
//! ```text
//! 05 n methods        -->   <--  05 method
//! 01 user password    -->   <--  01 00            if method is 02
//! 05 01 00 address    -->   <--  05 reply 00 address
//! ```

use std::net::{IpAddr, SocketAddr};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::proxy::Credentials;
use crate::{Error, Proxy, Stream, Target};

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const PASSWORD_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// What the proxy is asked to connect to.
pub(crate) enum Destination<'a> {
    Address(SocketAddr),
    /// The proxy resolves it.
    Name(&'a str, u16),
}

impl<'a> Destination<'a> {
    pub(crate) fn of(to: &Target<'a>) -> Self {
        match to.host.parse::<IpAddr>() {
            Ok(ip) => Self::Address(SocketAddr::new(ip, to.port)),
            Err(_) => Self::Name(to.host, to.port),
        }
    }

    fn authority(&self) -> String {
        match self {
            Self::Address(address) => address.to_string(),
            Self::Name(name, port) => format!("{name}:{port}"),
        }
    }

    /// `None` for a name that is too long.
    fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![VERSION, CONNECT, 0];
        let port = match self {
            Self::Address(address) => {
                match address.ip() {
                    IpAddr::V4(ip) => {
                        bytes.push(IPV4);
                        bytes.extend(ip.octets());
                    }
                    IpAddr::V6(ip) => {
                        bytes.push(IPV6);
                        bytes.extend(ip.octets());
                    }
                }
                address.port()
            }
            Self::Name(name, port) => {
                bytes.extend([NAME, u8::try_from(name.len()).ok()?]);
                bytes.extend(name.bytes());
                *port
            }
        };
        bytes.extend(port.to_be_bytes());
        Some(bytes)
    }
}

/// Asks the proxy at the other end of `stream` to connect. `source` names the setting with the proxy's URL.
pub(crate) async fn open(
    mut stream: Stream,
    proxy: &Proxy,
    source: &'static str,
    to: Destination<'_>,
) -> Result<Stream, Error> {
    let target = to.authority();
    let Some(request) = to.encode() else {
        return Err(refused(proxy, target, "the name is too long"));
    };
    authenticate(&mut stream, proxy, source).await?;
    let sent = stream.write_all(&request).await;
    sent.map_err(Error::closed(proxy))?;
    let mut head = [0; 4];
    let read = stream.read_exact(&mut head).await;
    read.map_err(Error::closed(proxy))?;
    let [version, reply, _, kind] = head;
    if version != VERSION {
        return Err(Error::NotAProxy(proxy.to_string()));
    }
    if reply != 0 {
        let why = meaning(reply);
        return Err(match reply {
            2 | 7 | 8 => refused(proxy, target, &why),
            _ => Error::Failed {
                proxy: proxy.to_string(),
                target,
                why,
            },
        });
    }
    // The address that the proxy connects from, which is of no use, and its port.
    let address = match kind {
        IPV4 => 4,
        IPV6 => 16,
        NAME => usize::from(stream.read_u8().await.map_err(Error::closed(proxy))?),
        _ => return Err(Error::NotAProxy(proxy.to_string())),
    };
    let mut rest = [0; 255 + 2];
    let rest = &mut rest[..address + 2];
    stream
        .read_exact(rest)
        .await
        .map_err(Error::closed(proxy))?;
    Ok(stream)
}

async fn authenticate(
    stream: &mut Stream,
    proxy: &Proxy,
    source: &'static str,
) -> Result<(), Error> {
    let credentials = proxy.credentials();
    // A proxy that needs no credentials may not know the method for them.
    let methods: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, NO_CREDENTIALS, PASSWORD],
        None => &[VERSION, 1, NO_CREDENTIALS],
    };
    stream
        .write_all(methods)
        .await
        .map_err(Error::closed(proxy))?;
    let mut chosen = [0; 2];
    stream
        .read_exact(&mut chosen)
        .await
        .map_err(Error::closed(proxy))?;
    match (chosen, credentials) {
        ([VERSION, NO_CREDENTIALS], _) => Ok(()),
        ([VERSION, PASSWORD], Some(credentials)) => {
            let request = password(credentials).ok_or_else(|| Error::unwelcome(proxy, source))?;
            stream
                .write_all(&request)
                .await
                .map_err(Error::closed(proxy))?;
            let mut answer = [0; 2];
            // Some proxies close the connection instead.
            let read = stream.read_exact(&mut answer).await;
            match (read, answer) {
                (Ok(_), [_, 0]) => Ok(()),
                _ => Err(Error::unwelcome(proxy, source)),
            }
        }
        ([VERSION, NO_METHOD], _) => Err(Error::unwelcome(proxy, source)),
        _ => Err(Error::NotAProxy(proxy.to_string())),
    }
}

fn refused(proxy: &Proxy, target: String, why: &str) -> Error {
    Error::Refused {
        proxy: proxy.to_string(),
        target,
        why: why.to_owned(),
    }
}

/// `None` if they are too long.
fn password(credentials: &Credentials) -> Option<Zeroizing<Vec<u8>>> {
    let Credentials { user, password } = credentials;
    // Large enough from the start: a vector that grows leaves copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(3 + user.len() + password.len()));
    bytes.push(PASSWORD_VERSION);
    for text in [user, password] {
        bytes.push(u8::try_from(text.len()).ok()?);
        bytes.extend(text.bytes());
    }
    Some(bytes)
}

fn meaning(reply: u8) -> String {
    match reply {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable, or its name is unknown there",
        5 => "connection refused",
        6 => "time to live exceeded",
        7 => "it cannot connect for others",
        8 => "it does not support this kind of address",
        _ => return format!("reply {reply}"),
    }
    .to_owned()
}

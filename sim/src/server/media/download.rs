//! `GET <direct path>`: a file, or a part of it (`Range`). The path is signed; as with WhatsApp's hosts, no token is
//! needed.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use tokio::task::spawn_blocking;

use super::request::{Address, UNKNOWN_CLIENT, authorized, refuse};
use crate::state::media::Hosted;
use crate::state::media::faults::{Spoilt, Transfer};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::file::{Reader, token};

/// Bytes per write.
const PIECE: usize = 64 * 1024;
/// The interval between writes of a slow host.
const PACE: Duration = Duration::from_millis(100);

pub(super) async fn send(shared: &Shared, address: &Address<'_>, headers: &HeaderMap) -> Response {
    let who = match address.get("auth").map(|token| authorized(shared, token)) {
        None => UNKNOWN_CLIENT.to_owned(),
        Some(Ok(who)) => who,
        Some(Err(status)) => return refuse(status),
    };
    let (file, fault, rate, no_range) = {
        let mut state = lock(&shared.state);
        let media = &mut state.media;
        let Some(file) = media.file(address.path).cloned() else {
            return refuse(StatusCode::NOT_FOUND);
        };
        let fault = media.faults.take(Transfer::Download);
        (file, fault, media.faults.rate, media.faults.no_range)
    };
    if !is_valid_address(shared, &who, &file, address) {
        return refuse(StatusCode::FORBIDDEN);
    }
    if let Some(status) = file.gone {
        return refuse(status);
    }
    if let Some(Spoilt::Status(status)) = fault {
        return refuse(status);
    }
    let length = file.stored.len();
    let part = match requested_part(headers, length, no_range) {
        Ok(part) => part,
        Err(response) => return *response,
    };
    // The simulator encrypts a file while it is sent, so a later range requires encrypting from the beginning.
    let begun = spawn_blocking(move || Transmission::new(&file, part, fault, rate)).await;
    match begun.map_err(io::Error::other).flatten() {
        Ok(transmission) => answer(transmission, part, length),
        Err(error) => {
            tracing::error!(%error, "a file cannot be read");
            refuse(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// The requested part, if any; an error response if the part does not exist.
fn requested_part(
    headers: &HeaderMap,
    length: u64,
    no_range: bool,
) -> Result<Option<(u64, u64)>, Box<Response>> {
    let asked = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let Some(range) = asked.filter(|_| !no_range) else {
        return Ok(None);
    };
    match part(range, length) {
        Range::All => Ok(None),
        Range::Part(first, end) => Ok(Some((first, end))),
        Range::Nothing => {
            let range = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            let refused = (StatusCode::RANGE_NOT_SATISFIABLE, range);
            Err(Box::new(refused.into_response()))
        }
    }
}

/// Checks the signature in the path, and the file's hash next to it.
fn is_valid_address(shared: &Shared, who: &str, file: &Hosted, address: &Address<'_>) -> bool {
    const SIGNED: &str = "a download has the path of its message, with the query";
    const HASH: &str = "a download's token is the file's encrypted SHA-256";
    let signature = address.get("oh").map(|oh| format!("oh={oh}&"));
    let signed = signature.is_some_and(|oh| file.query.contains(&oh));
    let name = token(&file.enc_sha256);
    let token = address.get("token").or(address.get("hash"));
    // A client may encode `=` as %3D.
    let token = token.map(|token| token.trim_end_matches("%3D").trim_end_matches('='));
    let mut verdicts = lock(&shared.verdicts);
    let signed = verdicts.require(who, SIGNED, signed, address.path);
    let named = token.is_none_or(|token| token == name);
    let detail = format!("{} for {name}", token.unwrap_or_default());
    verdicts.require(who, HASH, named, &detail) && signed
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    All,
    /// The first byte, and the end (exclusive).
    Part(u64, u64),
    /// It starts after the end of the file.
    Nothing,
}

/// A `Range` with one part; an invalid one, or one with several parts, is ignored.
fn part(text: &str, length: u64) -> Range {
    let bounds = text
        .strip_prefix("bytes=")
        .and_then(|it| it.split_once('-'));
    let Some((first, last)) = bounds.filter(|(_, last)| !last.contains(',')) else {
        return Range::All;
    };
    let (first, end) = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if last.trim().is_empty() => (first, length),
        (Err(_), Ok(count)) if first.trim().is_empty() => (length.saturating_sub(count), length),
        _ => return Range::All,
    };
    match first < end {
        true => Range::Part(first, end),
        false => Range::Nothing,
    }
}

fn answer(transmission: Transmission, part: Option<(u64, u64)>, length: u64) -> Response {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    let mut put = |name, value: String| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    put(header::CONTENT_LENGTH, transmission.announced.to_string());
    put(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    if let Some((first, end)) = part {
        put(
            header::CONTENT_RANGE,
            format!("bytes {first}-{}/{length}", end - 1),
        );
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    *response.body_mut() = Body::from_stream(stream::unfold(transmission, Transmission::next));
    response
}

/// The body of a response.
struct Transmission {
    reader: Reader,
    /// The value of `Content-Length`.
    announced: u64,
    /// Bytes that are still to be written.
    left: u64,
    /// What happens after them, if they do not reach the end of the file.
    end: End,
    /// Whether the last byte, which is the last one of the file, is replaced by a wrong one.
    spoils_last: bool,
    rate: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    Cut,
    Silence,
}

impl Transmission {
    fn new(
        file: &Hosted,
        part: Option<(u64, u64)>,
        fault: Option<Spoilt>,
        rate: Option<u64>,
    ) -> io::Result<Self> {
        let length = file.stored.len();
        let (first, end) = part.unwrap_or((0, length));
        let mut reader = match fault {
            Some(Spoilt::WrongHash) => file.stored.reader_of_another()?,
            _ => file.stored.reader()?,
        };
        reader.skip(first)?;
        let whole = end - first;
        let (announced, left, how) = match fault {
            Some(Spoilt::Short(bytes)) => (whole.min(bytes), whole.min(bytes), End::Done),
            Some(Spoilt::Cut(bytes)) => (whole, whole.min(bytes), End::Cut),
            Some(Spoilt::Stall(bytes)) => (whole, whole.min(bytes), End::Silence),
            _ => (whole, whole, End::Done),
        };
        Ok(Self {
            reader,
            announced,
            left,
            end: how,
            spoils_last: fault == Some(Spoilt::WrongMac) && end == length,
            rate,
        })
    }

    async fn next(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if self.left == 0 {
            return match self.end {
                End::Done => None,
                End::Cut => {
                    self.end = End::Done;
                    Some((Err(io::ErrorKind::ConnectionReset.into()), self))
                }
                End::Silence => std::future::pending().await,
            };
        }
        let paced = self.rate.map(|rate| (rate / 10).max(1));
        if paced.is_some() {
            tokio::time::sleep(PACE).await;
        }
        let most = self.left.min(paced.unwrap_or(u64::MAX));
        let most = usize::try_from(most).map_or(PIECE, |most| most.min(PIECE));
        let piece = self.reader.next(most);
        let read = piece.as_ref().map_or(0, Bytes::len) as u64;
        self.left -= read;
        let piece = match piece {
            Ok(piece) if piece.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(piece) if self.left == 0 && self.spoils_last => Ok(with_another_end(&piece)),
            piece => piece,
        };
        Some((piece, self))
    }
}

fn with_another_end(piece: &Bytes) -> Bytes {
    let mut piece = piece.to_vec();
    if let Some(last) = piece.last_mut() {
        *last ^= 1;
    }
    piece.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_parsed_as_in_rfc_9110() {
        for (text, found) in [
            ("bytes=0-9", Range::Part(0, 10)),
            ("bytes=90-", Range::Part(90, 100)),
            ("bytes=90-999", Range::Part(90, 100)),
            ("bytes=-10", Range::Part(90, 100)),
            ("bytes=-999", Range::Part(0, 100)),
            ("bytes=100-", Range::Nothing),
            ("bytes=9-0", Range::All),
            ("bytes=0-1,3-4", Range::All),
            ("bytes=x-", Range::All),
            ("lines=0-9", Range::All),
        ] {
            assert_eq!(part(text, 100), found, "{text}");
        }
    }
}

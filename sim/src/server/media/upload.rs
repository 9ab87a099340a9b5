//! `POST /mms/<kind>/<token>?auth=…&token=…`: an upload, a query of its progress (`resume=1`), or the rest of it
//! (`file_offset=N`). The token is the SHA-256 of the bytes.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::{BASE64URL, BASE64URL_NOPAD};
use futures::StreamExt as _;
use serde_json::{Value, json};

use super::request::{Address, authorized, refuse};
use super::socket::Cut;
use crate::state::media::Full;
use crate::state::media::faults::{Spoilt, Transfer};
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::file::{Hash, MediaType, sha256};

/// The kinds of uploads, below `/mms/`.
const KINDS: [(&str, MediaType); 9] = [
    ("image", MediaType::Image),
    ("video", MediaType::Video),
    ("audio", MediaType::Audio),
    ("document", MediaType::Document),
    ("md-msg-hist", MediaType::History),
    ("md-app-state", MediaType::AppState),
    ("sticker-pack", MediaType::StickerPack),
    ("thumbnail-sticker-pack", MediaType::StickerPackThumbnail),
    ("thumbnail-link", MediaType::LinkThumbnail),
];

/// An upload, as its URL describes it.
struct Upload<'a> {
    who: String,
    kind: MediaType,
    /// As in the URL, without padding.
    name: String,
    hash: Hash,
    address: &'a Address<'a>,
}

pub(super) async fn receive(
    shared: &Shared,
    cut: &Cut,
    address: &Address<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let upload = match Upload::of(shared, address) {
        Ok(upload) => upload,
        Err(status) => return refuse(status),
    };
    if address.get("resume").is_some() {
        return Json(upload.progress(shared)).into_response();
    }
    let fault = lock(&shared.state).media.faults.take(Transfer::Upload);
    if let Some(Spoilt::Status(status)) = fault {
        return refuse(status);
    }
    let request = match upload.begin(shared, headers) {
        Ok(request) => request,
        Err(status) => return refuse(status),
    };
    match receive_body(shared, cut, (&upload, request), body, fault).await {
        Ok(()) => upload.finish(shared),
        Err(status) => refuse(status),
    }
}

impl<'a> Upload<'a> {
    fn of(shared: &Shared, address: &'a Address<'a>) -> Result<Self, StatusCode> {
        const PATH: &str = "an upload goes to /mms/<kind>/<token>";
        const TOKEN: &str = "an upload's token is in path and query, and is a SHA-256 in base64url";
        let who = authorized(shared, address.get("auth").unwrap_or_default())?;
        let parts = address.path.strip_prefix("/mms/");
        let parts = parts.and_then(|rest| rest.split_once('/'));
        let found = parts.and_then(|(kind, name)| {
            let (_, kind) = KINDS.into_iter().find(|(known, _)| *known == kind)?;
            Some((kind, name))
        });
        let mut verdicts = lock(&shared.verdicts);
        verdicts.require(&who, PATH, found.is_some(), address.path);
        let (kind, name) = found.ok_or(StatusCode::NOT_FOUND)?;
        let hash = hash_of(name).filter(|_| address.get("token") == Some(name));
        let detail = format!("{name} and {:?}", address.get("token"));
        verdicts.require(&who, TOKEN, hash.is_some(), &detail);
        let hash = hash.ok_or(StatusCode::BAD_REQUEST)?;
        Ok(Self {
            who,
            kind,
            name: BASE64URL_NOPAD.encode(&hash),
            hash,
            address,
        })
    }

    /// The number of bytes received.
    fn progress(&self, shared: &Shared) -> Value {
        let media = &lock(&shared.state).media;
        match media.uploaded(&self.name) {
            Some(path) => {
                json!({ "resume": "complete", "url": url(shared, &path), "direct_path": path })
            }
            None => json!({ "resume": media.received(&self.name).to_string() }),
        }
    }

    /// Checks the announced length and offset.
    fn begin(&self, shared: &Shared, headers: &HeaderMap) -> Result<u64, StatusCode> {
        const LENGTH: &str = "an upload has a Content-Length";
        const OFFSET: &str = "an upload continues at or before the received bytes";
        let length = headers.get(header::CONTENT_LENGTH);
        let length: Option<usize> = length.and_then(|value| value.to_str().ok()?.parse().ok());
        let asked = self.address.get("file_offset");
        let offset: Option<usize> = asked.map_or(Some(0), |text| text.parse().ok());
        let mut state = lock(&shared.state);
        let received = state.media.received(&self.name);
        let offset = offset.filter(|offset| *offset <= received);
        let mut verdicts = lock(&shared.verdicts);
        verdicts.require(&self.who, LENGTH, length.is_some(), "the header is missing");
        let length = length.ok_or(StatusCode::LENGTH_REQUIRED)?;
        let detail = format!(
            "file_offset={}, {received} bytes received",
            asked.unwrap_or("0")
        );
        verdicts.require(&self.who, OFFSET, offset.is_some(), &detail);
        let offset = offset.ok_or(StatusCode::BAD_REQUEST)?;
        let begun = state
            .media
            .begin(&self.name, offset, length, shared.config.media_limit);
        begun.map_err(|Full| StatusCode::INSUFFICIENT_STORAGE)
    }

    /// Turns a complete upload into a file, if it matches its token.
    fn finish(&self, shared: &Shared) -> Response {
        const RULE: &str = "an upload matches the hash in its token";
        let bytes = lock(&shared.state).media.take(&self.name);
        let hash = sha256(&bytes);
        let detail = format!("{} bytes of {}", bytes.len(), BASE64URL_NOPAD.encode(&hash));
        if !lock(&shared.verdicts).require(&self.who, RULE, hash == self.hash, &detail) {
            return refuse(StatusCode::BAD_REQUEST);
        }
        let limit = shared.config.media_limit;
        let put = lock(&shared.state)
            .media
            .put_upload(bytes, self.kind, self.hash, limit);
        shared.announce();
        match put {
            Ok(path) => {
                Json(json!({ "url": url(shared, &path), "direct_path": path })).into_response()
            }
            Err(Full) => refuse(StatusCode::INSUFFICIENT_STORAGE),
        }
    }
}

/// Reads the body piece by piece: received bytes are kept when the connection ends.
async fn receive_body(
    shared: &Shared,
    cut: &Cut,
    (upload, request): (&Upload<'_>, u64),
    body: Body,
    fault: Option<Spoilt>,
) -> Result<(), StatusCode> {
    let limit = shared.config.media_limit;
    let mut left = match fault {
        Some(Spoilt::Cut(bytes) | Spoilt::Stall(bytes)) => {
            Some(usize::try_from(bytes).unwrap_or(usize::MAX))
        }
        _ => None,
    };
    let mut stream = body.into_data_stream();
    while let Some(piece) = stream.next().await {
        let mut piece = piece.map_err(|_| StatusCode::BAD_REQUEST)?;
        if let Some(left) = &mut left {
            piece.truncate(*left);
            *left -= piece.len();
        }
        let rate = {
            let mut state = lock(&shared.state);
            let taken = state.media.append(&upload.name, request, &piece, limit);
            if !taken.map_err(|Full| StatusCode::INSUFFICIENT_STORAGE)? {
                return Err(StatusCode::CONFLICT);
            }
            state.media.faults.rate
        };
        if left == Some(0) {
            if matches!(fault, Some(Spoilt::Stall(_))) {
                std::future::pending::<()>().await;
            }
            cut.now();
            return Err(StatusCode::BAD_REQUEST);
        }
        if let Some(rate) = rate {
            tokio::time::sleep(Duration::from_secs_f64(piece.len() as f64 / rate as f64)).await;
        }
    }
    Ok(())
}

/// Accepts the hash with or without padding.
fn hash_of(name: &str) -> Option<Hash> {
    let decoded = BASE64URL_NOPAD.decode(name.as_bytes());
    let decoded = decoded
        .or_else(|_| BASE64URL.decode(name.as_bytes()))
        .ok()?;
    decoded.try_into().ok()
}

fn url(shared: &Shared, direct_path: &str) -> String {
    format!("https://{}{direct_path}", shared.config.media_listen)
}

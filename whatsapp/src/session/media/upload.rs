//! Uploads a file to send to a media host: the ciphertext on the volume, unchanged, from the offset that the host has
//! received already.
//!
//! An upload needs a session at its beginning, for WhatsApp's token; the bytes then go over a separate connection.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use openclaw_egress::Egress;
use openclaw_state::uploads::{Hosted, Upload};
use serde::Deserialize;
use tokio::sync::mpsc;
use whatsapp_rust::mediaconn::MediaConn;

use super::http::{self, Error, Piece, Upstream};
use super::{HOSTS_TIMEOUT, media_type};
use crate::session::Session;

/// How many times all hosts are tried.
const MAX_ROUNDS: u32 = 2;
/// The pause before the second round.
const ROUND_PAUSE: Duration = Duration::from_secs(1);
/// For a smaller file the first attempt does not ask the host for an offset to resume at, as in WhatsApp Web.
const RESUMABLE_BYTES: u64 = 5 * 1024 * 1024;
const PIECE_BYTES: usize = 64 * 1024;
/// The maximum number of pieces read ahead.
const MAX_QUEUED_PIECES: usize = 2;

/// Why a file was not uploaded to WhatsApp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadFailure {
    /// WhatsApp named no hosts, or there is no connection to ask it.
    #[error("WhatsApp did not name its media hosts")]
    NoHosts,
    /// DNS, TCP or TLS failed.
    #[error("no media host of WhatsApp could be reached")]
    Unreachable,
    /// The connection was lost or silent, or the response is not valid HTTP.
    #[error("the connection to the media host was lost")]
    Interrupted,
    /// A status other than success.
    #[error("the media hosts responded with HTTP status {0}")]
    HostError(u16),
    /// The hosts would refuse the same bytes at every attempt.
    #[error("WhatsApp's media hosts do not accept the file: HTTP status {0}")]
    Refused(u16),
    /// Reading the ciphertext failed.
    #[error("the file on the agent's volume cannot be read")]
    Unreadable,
}

impl UploadFailure {
    /// Whether a later attempt may succeed.
    #[must_use]
    pub const fn is_temporary(self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Unreadable)
    }
}

/// The response of a host.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    url: Option<String>,
    direct_path: Option<String>,
    /// `complete`, or the number of bytes that the host has.
    resume: Option<String>,
}

impl Answer {
    fn hosted(self) -> Option<Hosted> {
        Some(Hosted {
            url: self.url?,
            direct_path: self.direct_path?,
        })
    }
}

/// An upload, over all its attempts.
struct Attempt<'a> {
    egress: &'a Egress,
    upload: &'a Upload,
    file: &'a File,
    /// The path at the hosts, without a query.
    path: String,
    token: String,
    /// True if a host may have a part already.
    may_resume: bool,
}

impl Session {
    /// Uploads the ciphertext in `file`. Bytes that a host still has from an earlier attempt are not sent again.
    pub async fn upload(&self, upload: &Upload, file: &File) -> Result<Hosted, UploadFailure> {
        let pointer = upload.media.pointer.as_ref();
        let hash = pointer.map(|pointer| pointer.encrypted_sha256.as_slice());
        let token = URL_SAFE_NO_PAD.encode(hash.unwrap_or_default());
        let kind = media_type(upload.media.kind);
        let mut attempt = Attempt {
            egress: &self.egress,
            upload,
            file,
            path: format!("{}/{token}", kind.upload_path()),
            token,
            may_resume: upload.encrypted_bytes >= RESUMABLE_BYTES,
        };
        let mut renewed = false;
        let mut connection = self.media_connection(false).await?;
        let mut last = UploadFailure::NoHosts;
        let mut round = 0;
        while round < MAX_ROUNDS {
            let mut is_stale = false;
            for host in &connection.hosts {
                match attempt.at(&host.hostname, &connection.auth).await {
                    Ok(hosted) => return Ok(hosted),
                    Err(UploadFailure::HostError(401 | 403)) if !renewed => {
                        is_stale = true;
                        break;
                    }
                    Err(failure) if !failure.is_temporary() => return Err(failure),
                    Err(failure) => last = failure,
                }
                attempt.may_resume = true;
            }
            if is_stale {
                renewed = true;
                connection = self.media_connection(true).await?;
                continue;
            }
            round += 1;
            if round < MAX_ROUNDS {
                tokio::time::sleep(ROUND_PAUSE).await;
            }
        }
        Err(last)
    }

    /// The hosts and the token for uploads; a new token if `anew`.
    async fn media_connection(&self, anew: bool) -> Result<MediaConn, UploadFailure> {
        let asked = self.client.refresh_media_conn(anew);
        match tokio::time::timeout(HOSTS_TIMEOUT, asked).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(_)) | Err(_) => Err(UploadFailure::NoHosts),
        }
    }
}

impl Attempt<'_> {
    /// One attempt at one host: asks which bytes it has, and sends the rest.
    async fn at(&self, host: &str, auth: &str) -> Result<Hosted, UploadFailure> {
        let query = format!("?auth={auth}&token={}", self.token);
        let mut offset = 0;
        if self.may_resume {
            let question = format!("{}{query}&resume=1", self.path);
            match http::post(self.egress, host, &question, Upstream::empty()).await {
                Ok(response) => {
                    let answer = answer(&response);
                    match answer.resume.as_deref() {
                        Some("complete") => {
                            if let Some(hosted) = answer.hosted() {
                                return Ok(hosted);
                            }
                        }
                        Some(bytes) => offset = bytes.parse().unwrap_or_default(),
                        None => {}
                    }
                }
                // The upload itself would fail in the same way, and returns the error.
                Err(_) => tracing::debug!("media host did not report the offset of the upload"),
            }
        }
        // The host has all bytes, but returned no address: upload the file again.
        if offset >= self.upload.encrypted_bytes {
            offset = 0;
        }
        let path = match offset {
            0 => format!("{}{query}", self.path),
            offset => format!("{}{query}&file_offset={offset}", self.path),
        };
        let body = self.body(offset)?;
        match http::post(self.egress, host, &path, body).await {
            Ok(response) => answer(&response).hosted().ok_or(UploadFailure::Interrupted),
            Err(error) => Err(failure(error)),
        }
    }

    /// The ciphertext from `offset` on. A blocking thread reads it as fast as it is sent.
    fn body(&self, offset: u64) -> Result<Upstream, UploadFailure> {
        let file = self
            .file
            .try_clone()
            .map_err(|_| UploadFailure::Unreadable)?;
        let (send, pieces) = mpsc::channel(MAX_QUEUED_PIECES);
        let end = self.upload.encrypted_bytes;
        tokio::task::spawn_blocking(move || read(&file, offset, end, &send));
        Ok(Upstream::new(pieces, end - offset))
    }
}

fn read(file: &File, mut offset: u64, end: u64, to: &mpsc::Sender<Piece>) {
    while offset < end {
        let left = usize::try_from(end - offset).unwrap_or(usize::MAX);
        let mut piece = vec![0; left.min(PIECE_BYTES)];
        let read = file.read_exact_at(&mut piece, offset);
        offset += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        let failed = read.is_err();
        let piece: io::Result<Bytes> = read.map(|()| piece.into());
        // The receiver is dropped when the request ends.
        if to.blocking_send(piece).is_err() || failed {
            return;
        }
    }
}

fn answer(body: &[u8]) -> Answer {
    serde_json::from_slice(body).unwrap_or_default()
}

const fn failure(error: Error) -> UploadFailure {
    match error {
        // Payload too large, and an unsupported type: the same bytes get the same response.
        Error::Status(status @ (413 | 415)) => UploadFailure::Refused(status),
        Error::Status(status) => UploadFailure::HostError(status),
        Error::Unreachable => UploadFailure::Unreachable,
        Error::Unreadable => UploadFailure::Unreadable,
        Error::Silent | Error::Broken | Error::TooLarge => UploadFailure::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_answers_is_read_leniently() {
        let whole = answer(br#"{"url":"https://h/v","direct_path":"/v","more":1}"#);
        assert!(whole.hosted().is_some_and(|it| it.direct_path == "/v"));
        assert!(answer(br#"{"url":"https://h/v"}"#).hosted().is_none());
        assert_eq!(answer(br#"{"resume":"5"}"#).resume.as_deref(), Some("5"));
        assert!(answer(b"<html>").hosted().is_none());
    }

    #[test]
    fn only_what_never_helps_is_final() {
        for (status, temporary) in [
            (401, true),
            (408, true),
            (413, false),
            (415, false),
            (429, true),
            (500, true),
            (507, true),
        ] {
            let failure = failure(Error::Status(status));
            assert_eq!(failure.is_temporary(), temporary, "{status}");
        }
    }
}

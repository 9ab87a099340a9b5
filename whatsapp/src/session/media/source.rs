//! The encrypted bytes of a file, from one path at several hosts. If a connection is lost, the next one goes to the next
//! host and continues where the lost one ended; the reader gets one uninterrupted stream.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use hyper::http::uri::PathAndQuery;
use openclaw_egress::Egress;

use super::http::{Error, Response, get};
use super::{DownloadError, Failure, MediaFile, encrypted_bytes};

/// The maximum number of failures in a row.
const MAX_FAILURES: u32 = 3;
/// A failure after less than this many new bytes counts as one in a row.
const PROGRESS_BYTES: u64 = 1024 * 1024;
/// The pause after the first failure; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// A position in the file, and the response that continues there.
pub(super) struct Source {
    egress: Egress,
    hosts: Vec<String>,
    path: PathAndQuery,
    /// The maximum size of the file.
    most: u64,
    host: usize,
    position: u64,
    response: Option<Response>,
    /// Bytes of the response to skip, because the host does not support Range.
    skip: u64,
    failures: u32,
    /// The position at the last failure.
    failed_at: u64,
}

impl Source {
    /// `turn` selects the first host.
    pub(super) fn new(
        egress: Egress,
        hosts: Vec<String>,
        turn: u32,
        path: &str,
        file: &MediaFile,
        most: u64,
    ) -> Result<Self, Failure> {
        if hosts.is_empty() {
            return Err(DownloadError::Unreachable.into());
        }
        // An invalid path is treated like an expired one.
        let path = address(path, file).ok_or(Failure::Rejected)?;
        Ok(Self {
            egress,
            host: usize::try_from(turn).unwrap_or_default() % hosts.len(),
            hosts,
            path,
            most,
            position: 0,
            response: None,
            skip: 0,
            failures: 0,
            failed_at: 0,
        })
    }

    /// The number of bytes delivered.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let read = match &mut self.response {
                Some(response) => response.frame().await,
                None => match self.open().await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            match read {
                Ok(None) => return Ok(None),
                Ok(Some(frame)) => {
                    let frame = self.unseen(frame);
                    if !frame.is_empty() {
                        return Ok(Some(frame));
                    }
                }
                Err(error) => self.after(error).await?,
            }
        }
    }

    async fn open(&mut self) -> Result<(), Error> {
        let host = &self.hosts[self.host];
        let response = get(&self.egress, host, &self.path, self.position).await?;
        let most = encrypted_bytes(self.most);
        if response.length.is_some_and(|length| length > most) {
            return Err(Error::TooLarge);
        }
        self.skip = self.position - response.begins_at;
        self.response = Some(response);
        Ok(())
    }

    /// The part of a frame that was not delivered before.
    fn unseen(&mut self, mut frame: Bytes) -> Bytes {
        let length = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        let seen = self.skip.min(length);
        self.skip -= seen;
        self.position += length - seen;
        frame.split_off(usize::try_from(seen).unwrap_or_default())
    }

    /// Decides whether to retry after an error.
    async fn after(&mut self, error: Error) -> Result<(), Failure> {
        self.response = None;
        let error = match error {
            Error::Status(401 | 403 | 404 | 410) => return Err(Failure::Rejected),
            // Redirects are not followed: WhatsApp's hosts send none, and a redirect could send the request anywhere.
            Error::Status(status) => DownloadError::HostError(status),
            Error::TooLarge => return Err(DownloadError::TooLarge(self.most).into()),
            Error::Unreachable => DownloadError::Unreachable,
            Error::Silent => DownloadError::Stalled,
            // A download has no request body, so it cannot be `Unreadable`.
            Error::Broken | Error::Unreadable => DownloadError::Interrupted,
        };
        if self.position >= self.failed_at.saturating_add(PROGRESS_BYTES) {
            self.failures = 0;
        }
        self.failed_at = self.position;
        self.failures += 1;
        if self.failures == MAX_FAILURES {
            return Err(error.into());
        }
        self.host = (self.host + 1) % self.hosts.len();
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(self.failures - 1)).await;
        Ok(())
    }
}

/// The path, with the query that WhatsApp Web adds. The sender controls the path, and must not be able to choose the
/// host with it.
fn address(path: &str, file: &MediaFile) -> Option<PathAndQuery> {
    if !path.starts_with('/') || path.starts_with("//") || path.contains('#') {
        return None;
    }
    let hash = URL_SAFE_NO_PAD.encode(&file.pointer.encrypted_sha256);
    let kind = file.media_type().mms_type();
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}hash={hash}&mms-type={kind}&__wa-mms=")
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use openclaw_types::{ChatId, Contact, MediaKind, MediaPointer, MessageId};

    use super::*;

    fn file() -> MediaFile {
        MediaFile {
            kind: MediaKind::Voice,
            history: false,
            bytes: 0,
            pointer: MediaPointer {
                encrypted_sha256: vec![0xff; 32],
                ..MediaPointer::default()
            },
            message: MessageId::new("3EB0"),
            chat: ChatId::new("1@lid".into()),
            sender: Contact::default(),
            from_me: false,
        }
    }

    #[test]
    fn the_path_has_the_hash_and_the_kind() {
        let hash = format!("{}8", "_".repeat(42));
        for (path, mark) in [("/v/1.enc?ccb=11-4&oh=01_A", '&'), ("/v/1.enc", '?')] {
            let asked = address(path, &file()).unwrap();
            let expected = format!("{path}{mark}hash={hash}&mms-type=audio&__wa-mms=");
            assert_eq!(asked.as_str(), expected);
        }
    }

    #[test]
    fn a_path_never_chooses_the_host() {
        for path in [
            "",
            ".example.com/v/1.enc",
            "@example.com/v/1.enc",
            ":8080/v/1.enc",
            "//example.com/v/1.enc",
            "https://example.com/v/1.enc",
            "/v/1.enc\r\nHost: example.com",
            "/v/ 1.enc",
            "/v/1.enc#",
        ] {
            assert!(address(path, &file()).is_none(), "{path:?}");
        }
    }
}

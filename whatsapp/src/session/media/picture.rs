//! Pictures of people and groups. WhatsApp answers a question about one with its URL; the file is a JPEG, and not
//! encrypted. It is small, so it is read into memory, and nothing of it is used before it is complete.

use std::time::Duration;

use hyper::http::uri::PathAndQuery;
use openclaw_egress::Egress;

use super::DownloadError;
use super::http::{Error, get};
use crate::session::PictureAddress;

/// The maximum size of a picture. WhatsApp's clients upload about 100 KiB.
pub const MAX_PICTURE_BYTES: usize = 2 * 1024 * 1024;
/// For the whole picture: a host that sends a byte now and then is not silent.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(if cfg!(feature = "sim") { 10 } else { 60 });
/// The beginning of every JPEG.
const JPEG: &[u8] = &[0xff, 0xd8, 0xff];
/// The end of a JPEG.
const END_OF_JPEG: &[u8] = &[0xff, 0xd9];

/// Why there is no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The URL is not one of WhatsApp's hosts. It was not contacted.
    #[error("WhatsApp named a host for the picture that is not its own")]
    ForeignHost,
    /// The host did not send it, or sent something else.
    #[error(transparent)]
    Download(#[from] DownloadError),
}

/// The whole picture. No redirect is followed.
pub async fn fetch_picture(
    egress: &Egress,
    address: &PictureAddress,
) -> Result<Vec<u8>, PictureError> {
    let (host, path) =
        parse(&address.url, cfg!(feature = "sim")).ok_or(PictureError::ForeignHost)?;
    let read = tokio::time::timeout(PICTURE_TIMEOUT, read(egress, host, &path)).await;
    let picture = read.unwrap_or(Err(Error::Silent));
    let picture = picture.map_err(download_error)?;
    match picture.starts_with(JPEG) {
        true => Ok(picture),
        false => Err(DownloadError::Corrupted.into()),
    }
}

async fn read(egress: &Egress, host: &str, path: &PathAndQuery) -> Result<Vec<u8>, Error> {
    let mut response = get(egress, host, path, 0).await?;
    let max = u64::try_from(MAX_PICTURE_BYTES).unwrap_or(u64::MAX);
    if response.length.is_some_and(|length| length > max) {
        return Err(Error::TooLarge);
    }
    let mut picture = Vec::new();
    while let Some(frame) = response.frame().await? {
        if picture.len() + frame.len() > MAX_PICTURE_BYTES {
            return Err(Error::TooLarge);
        }
        picture.extend_from_slice(&frame);
    }
    match is_complete(&picture, response.length) {
        true => Ok(picture),
        false => Err(Error::Broken),
    }
}

/// By the length that the host reports, else by the end of a JPEG: a body without a length ends with the connection.
fn is_complete(picture: &[u8], length: Option<u64>) -> bool {
    match length {
        Some(length) => u64::try_from(picture.len()) == Ok(length),
        None => picture.ends_with(END_OF_JPEG),
    }
}

fn download_error(error: Error) -> DownloadError {
    match error {
        Error::Unreachable => DownloadError::Unreachable,
        Error::Silent => DownloadError::Stalled,
        Error::Broken | Error::Unreadable => DownloadError::Interrupted,
        Error::Status(status) => DownloadError::HostError(status),
        Error::TooLarge => {
            DownloadError::TooLarge(u64::try_from(MAX_PICTURE_BYTES).unwrap_or(u64::MAX))
        }
    }
}

/// Host and path of a URL, if the host is WhatsApp's.
fn parse(url: &str, simulated: bool) -> Option<(&str, PathAndQuery)> {
    let address = url.strip_prefix("https://")?;
    let (host, _) = address.split_once('/')?;
    let path = &address[host.len()..];
    if !is_whatsapps(host, simulated) || path.contains('#') {
        return None;
    }
    Some((host, path.parse().ok()?))
}

/// A simulator build connects to loopback only, in any case.
fn is_whatsapps(host: &str, simulated: bool) -> bool {
    if let Some(port) = host.strip_prefix("127.0.0.1:") {
        return simulated && port.parse::<u16>().is_ok();
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !simulated && host.bytes().all(is_plain) && host.ends_with(".whatsapp.net")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_from_whatsapps_hosts_only() {
        for (ours, simulated) in [("127.0.0.1:34567", true), ("pps.whatsapp.net", false)] {
            let url = format!("https://{ours}/v/t61.24694-24/1_n.jpg?ccb=11-4&oh=01_A");
            let (host, path) = parse(&url, simulated).unwrap();
            assert_eq!(host, ours);
            assert_eq!(path.as_str(), "/v/t61.24694-24/1_n.jpg?ccb=11-4&oh=01_A");
            assert!(parse(&url, !simulated).is_none());
            for foreign in [
                "",
                "https://example.com/1.jpg",
                "https://whatsapp.net.example.com/1.jpg",
                "https://pps-whatsapp.net/1.jpg",
                "https://example.com@pps.whatsapp.net/1.jpg",
                "https://127.0.0.1:80@example.com/1.jpg",
                "https://example.com#.whatsapp.net/1.jpg",
                "https://example.com?.whatsapp.net/1.jpg",
                "https://example.com\\.whatsapp.net/1.jpg",
                "https://pps.whatsapp.net:8443/1.jpg",
                "https://169.254.169.254/latest/meta-data",
                "http://pps.whatsapp.net/1.jpg",
                "file:///etc/passwd",
                "https://pps.whatsapp.net",
                "//pps.whatsapp.net/1.jpg",
            ] {
                assert!(parse(foreign, simulated).is_none(), "{foreign}");
            }
            for path in ["/1 2.jpg", "/1.jpg\r\nHost: example.com", "/1.jpg#x"] {
                let url = format!("https://{ours}{path}");
                assert!(parse(&url, simulated).is_none(), "{path:?}");
            }
        }
    }

    #[test]
    fn a_picture_that_was_cut_is_not_complete() {
        let picture = b"\xff\xd8\xff\xe0...\xff\xd9";
        let length = u64::try_from(picture.len()).unwrap();
        assert!(is_complete(picture, Some(length)));
        assert!(is_complete(picture, None));
        assert!(!is_complete(picture, Some(length + 1)));
        assert!(!is_complete(picture, Some(length - 1)));
        assert!(!is_complete(&picture[..picture.len() - 1], None));
    }
}

//! Uploads a file to the agent, before the message with the file is sent.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use openclaw_proto::v1::upload_request::Item;
use openclaw_proto::v1::{MediaKind, UploadRequest, UploadStart};

use crate::address::Address;
use crate::cli::FileArgs;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::render::size::size;
use crate::stop::Stops;
use crate::{chunks, client, text};

const MAX_THUMBNAIL_BYTES: u64 = 64 * 1024;
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// MIME types by the extension of the file name. For other extensions the agent uses the usual type of the kind.
const TYPES: [(&str, &str); 32] = [
    ("3gp", "video/3gpp"),
    ("aac", "audio/aac"),
    ("amr", "audio/amr"),
    ("csv", "text/csv"),
    ("doc", "application/msword"),
    (
        "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    ("epub", "application/epub+zip"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("heic", "image/heic"),
    ("heif", "image/heif"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("json", "application/json"),
    ("m4a", "audio/mp4"),
    ("md", "text/markdown"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("ogg", "audio/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    (
        "pptx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webp", "image/webp"),
    (
        "xlsx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
    ("xml", "application/xml"),
    ("zip", "application/zip"),
];

/// The file to send, if there is one.
pub(super) fn of(args: &FileArgs) -> Option<(MediaKind, &Path)> {
    let kinds = [
        (MediaKind::Image, &args.image),
        (MediaKind::Video, &args.video),
        (MediaKind::Gif, &args.gif),
        (MediaKind::Document, &args.document),
        (MediaKind::Audio, &args.audio),
        (MediaKind::Voice, &args.voice),
        (MediaKind::Sticker, &args.sticker),
    ];
    let given = kinds.into_iter();
    let mut given = given.filter_map(|(kind, path)| Some((kind, path.as_deref()?)));
    given.next()
}

/// Uploads a file. Returns its media id.
pub(super) async fn upload(
    address: &Address,
    kind: MediaKind,
    path: &Path,
    args: &FileArgs,
    progress: &mut Progress,
) -> Result<String, Failure> {
    let mut file = open(path)?;
    let bytes = file.metadata().map_or(0, |found| found.len());
    let start = start(kind, path, args, bytes)?;
    let mut stops = Stops::listen()?;
    let shown = text::one_line(&path.to_string_lossy());
    let sending = transfer(address, start, &mut file, |sent| {
        progress.show(|| format!("{shown}: {} of {}", size(sent), size(bytes.max(sent))));
    });
    let media_id = stops.or(stopped, sending).await?;
    progress.replace(&format!("{shown}: the agent uploads it to WhatsApp"));
    Ok(media_id)
}

/// Uploads what `start` describes. Returns its media id.
pub(crate) async fn transfer(
    address: &Address,
    start: UploadStart,
    file: &mut impl Read,
    sent: impl FnMut(u64),
) -> Result<String, Failure> {
    let mut files = client::files(address).await?;
    let request = |item| UploadRequest { item: Some(item) };
    let sending = chunks::send(
        "the file",
        file,
        request(Item::Start(start)),
        |chunk| request(Item::Chunk(chunk)),
        |requests| files.upload(requests),
        sent,
    );
    Ok(sending.await?.media_id)
}

fn stopped() -> Failure {
    Failure::new("stopped before the file was uploaded: nothing was sent")
        .with_reason("STOPPED")
        .with_hint("run it again: it starts over")
}

fn open(path: &Path) -> Result<File, Failure> {
    let shown = text::one_line(&path.to_string_lossy());
    let file = File::open(path).map_err(|error| Failure::usage(format!("{shown}: {error}")))?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(Failure::usage(format!("{shown} is a directory")));
    }
    Ok(file)
}

fn start(
    kind: MediaKind,
    path: &Path,
    args: &FileArgs,
    size_bytes: u64,
) -> Result<UploadStart, Failure> {
    let mime_type = match &args.mime {
        Some(given) => given.clone(),
        None => mime_type(kind, path),
    };
    let file_name = match kind {
        MediaKind::Document => path
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        _ => String::new(),
    };
    Ok(UploadStart {
        kind: kind.into(),
        mime_type,
        file_name,
        size_bytes,
        thumbnail: args
            .thumbnail
            .as_deref()
            .map_or(Ok(Vec::new()), thumbnail)?,
        ..UploadStart::default()
    })
}

/// Only a document needs one: for the others the agent knows the usual type, or reads it from the file.
pub(crate) fn mime_type(kind: MediaKind, path: &Path) -> String {
    let ending = path.extension().map(OsStr::to_ascii_lowercase);
    let ending = ending.as_ref().and_then(|ending| ending.to_str());
    let known = TYPES.iter().find(|(known, _)| Some(*known) == ending);
    match (kind, known) {
        (MediaKind::Image | MediaKind::Voice | MediaKind::Sticker, _) => String::new(),
        (_, Some((_, mime_type))) => (*mime_type).to_owned(),
        (MediaKind::Document, None) => UNKNOWN_TYPE.to_owned(),
        (_, None) => String::new(),
    }
}

fn thumbnail(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = text::one_line(&path.to_string_lossy());
    let failed = |error: io::Error| Failure::usage(format!("{shown}: {error}"));
    if fs::metadata(path).map_err(failed)?.len() > MAX_THUMBNAIL_BYTES {
        return Err(Failure::usage(format!("{shown}: larger than 64 KiB")));
    }
    fs::read(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_the_ending_where_the_agent_does_not_read_it() {
        for (kind, path, known) in [
            (MediaKind::Document, "a/report.PDF", "application/pdf"),
            (MediaKind::Document, "a/IMG_0042.HEIC", "image/heic"),
            (MediaKind::Document, "a/report", UNKNOWN_TYPE),
            (MediaKind::Video, "b.mov", "video/quicktime"),
            (MediaKind::Video, "b", ""),
            (MediaKind::Image, "c.png", ""),
            (MediaKind::Voice, "d.ogg", ""),
        ] {
            assert_eq!(mime_type(kind, Path::new(path)), known, "{path}");
        }
        assert!(TYPES.is_sorted());
    }
}

//! Files of messages: phones upload theirs to the media host, and download the files that they receive.

use std::sync::Arc;

use waproto::whatsapp as wa;

use crate::state::error::Error;
use crate::state::media::Full;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::content::{Base64, Content, File, Kind, NotContent};
use crate::wire::file::{self, Made, MediaType, Plain, Stored};

/// Uploads the files of a description, including quoted ones, and writes their location into the description. Fields
/// that the description already has are not changed: a test may want a wrong hash.
pub(crate) fn host(shared: &Shared, content: &mut Content) -> Result<(), Error> {
    let quote = content.context.as_mut().and_then(|it| it.quote.as_mut());
    if let Some(quoted) = quote.and_then(|quote| quote.content.as_mut()) {
        host(shared, quoted)?;
    }
    if let Kind::Edit(edit) = &mut content.kind {
        return host(shared, &mut edit.content);
    }
    let Some((kind, media)) = content.kind.media_mut() else {
        return Ok(());
    };
    let plain = match (media.bytes.take(), media.fill.take()) {
        (None, None) => return Ok(()),
        (Some(Base64(bytes)), None) => Plain::Bytes(bytes.into()),
        (None, Some(size)) => Plain::Fill(size),
        (Some(_), Some(_)) => return Err(NotContent::TwoFiles.into()),
    };
    seal(shared, kind, plain, &mut media.file)
}

/// Encrypts a file, uploads it, and writes its location.
pub(crate) fn seal(
    shared: &Shared,
    kind: MediaType,
    plain: Plain,
    file: &mut File,
) -> Result<(), Error> {
    let given = file.media_key.take().map(|key| key.0.try_into());
    let media_key = match given {
        None => rand::random(),
        Some(Ok(key)) => key,
        Some(Err(_)) => return Err(NotContent::MediaKey.into()),
    };
    let size = plain.len();
    let made = Arc::new(Made {
        plain,
        media_key,
        kind,
    });
    let hashes = made
        .hashes()
        .map_err(|error| Error::NoFile(error.to_string()))?;
    let stored = Stored::Made(made);
    let limit = shared.config.media_limit;
    let put = lock(&shared.state)
        .media
        .put(stored, kind, hashes.enc_sha256, limit);
    let path = put.map_err(|Full| Error::HostFull)?;
    let host = shared.config.media_listen;
    file.url
        .get_or_insert_with(|| format!("https://{host}{path}&mms3=true"));
    file.direct_path.get_or_insert(path);
    file.media_key = Some(Base64(media_key.to_vec()));
    let base64 = |hash: file::Hash| Base64(hash.to_vec());
    file.sha256.get_or_insert(base64(hashes.sha256));
    file.enc_sha256.get_or_insert(base64(hashes.enc_sha256));
    file.size.get_or_insert(size);
    Ok(())
}

/// The media key and the path of a message's file.
pub(crate) fn pointer(message: &wa::Message) -> Option<(Vec<u8>, String)> {
    if let Some(protocol) = message.protocol_message.as_option()
        && let Some(history) = protocol.history_sync_notification.as_option()
    {
        return Some((history.media_key.clone()?, history.direct_path.clone()?));
    }
    let mut content = Content::of(message);
    let (_, media) = content.kind.media_mut()?;
    let file = std::mem::take(&mut media.file);
    Some((file.media_key?.0, file.direct_path?))
}

/// Downloads and checks the file of a message, as a phone does. `Err` is the first error; `None`: the message has no
/// file.
pub(crate) fn fetch(shared: &Shared, message: &wa::Message) -> Option<Result<(), String>> {
    let mut content = Content::of(message);
    let (kind, media) = content.kind.media_mut()?;
    Some(check(shared, kind, &media.file))
}

fn check(shared: &Shared, kind: MediaType, file: &File) -> Result<(), String> {
    let path = file.direct_path.as_deref().unwrap_or_default();
    let hosted = lock(&shared.state).media.file(path).cloned();
    let hosted = hosted.ok_or_else(|| format!("404: no file at {path:?}"))?;
    if let Some(status) = hosted.gone {
        return Err(format!("{status}: the file was removed"));
    }
    let same =
        |field: &Option<Base64>, hash: &[u8]| field.as_ref().is_some_and(|found| found.0 == hash);
    if !same(&file.enc_sha256, &hosted.enc_sha256) {
        return Err("the encrypted SHA-256 does not match the file".to_owned());
    }
    let key = file.media_key.as_ref();
    let key = key.ok_or_else(|| "the media key is missing".to_owned())?;
    let opened = file::open(&hosted.stored, &key.0, kind)?;
    if !same(&file.sha256, &opened.sha256) {
        return Err("the SHA-256 does not match the file".to_owned());
    }
    if file.size != Some(opened.size) {
        let (declared, actual) = (file.size, opened.size);
        return Err(format!(
            "the declared size is {declared:?}, and the file has {actual} bytes"
        ));
    }
    Ok(())
}

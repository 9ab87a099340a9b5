//! The content of a message in a request: a description of any content, or one of the short forms.

use axum::http::StatusCode;
use serde::Deserialize;
use tokio::task::spawn_blocking;
use waproto::whatsapp as wa;

use super::failure::Failure;
use crate::sim::peer::Peer;
use crate::wire::address::By;
use crate::wire::content::{self, Content, text_message};

/// The kind of message that `text` becomes (`as`).
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    #[default]
    Text,
    Image,
    AlbumPart,
    Timer,
    Edit,
    Deletion,
    Reaction,
}

/// The message in a request: `content`, or `text` with `as`.
pub(super) struct Described {
    pub(super) content: Option<Content>,
    pub(super) text: Option<String>,
    pub(super) form: Form,
    /// The id of the message that this one refers to; for a part of an album, the album.
    pub(super) about: Option<String>,
    /// The chat's timer, in seconds.
    pub(super) expiration: Option<u32>,
}

impl Described {
    pub(super) async fn message(self, sender: &Peer, by: By) -> Result<wa::Message, Failure> {
        let short = self.form != Form::Text || self.about.is_some() || self.expiration.is_some();
        match (&self.content, self.text.as_deref()) {
            (Some(content), None) if !short => compose(sender, content.clone(), by).await,
            (Some(_), _) => Err(Failure::bad_request(
                "`content` cannot be combined with `text`, `as`, `about` and `expiration`",
                "set either `content` or the others",
            )),
            (None, None) if !matches!(self.form, Form::Deletion | Form::Timer) => {
                Err(Failure::bad_request(
                    "neither `text` nor `content`",
                    "set the content of the message: sim/README.md describes each kind",
                ))
            }
            (None, text) => self.in_short(text.unwrap_or_default()),
        }
    }

    fn in_short(&self, text: &str) -> Result<wa::Message, Failure> {
        let about = || {
            self.about.as_deref().ok_or_else(|| {
                Failure::bad_request(
                    "`about` is missing",
                    "set the id of the message to edit, delete or react to, or of the album",
                )
            })
        };
        let message = match self.form {
            Form::Text => text_message(text),
            Form::Image => content::image(text),
            Form::AlbumPart => content::album_part(about()?, text),
            Form::Timer => content::timer(self.expiration.unwrap_or_default()),
            Form::Edit => content::edit(about()?, text),
            Form::Deletion => content::deletion(about()?),
            Form::Reaction => content::reaction(about()?, text),
        };
        Ok(match (self.form, self.expiration) {
            (Form::Text | Form::Image | Form::AlbumPart, Some(seconds)) => {
                content::with_expiration(message, seconds)
            }
            _ => message,
        })
    }
}

/// Builds the message of a description. Encrypting a large file takes seconds; the rest of the server keeps running
/// meanwhile.
pub(super) async fn compose(
    sender: &Peer,
    content: Content,
    by: By,
) -> Result<wa::Message, Failure> {
    let sender = sender.clone();
    let composed = spawn_blocking(move || sender.compose(&content, by)).await;
    let composed = composed.map_err(|error| {
        let error = error.to_string();
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error, "see the log")
    })?;
    Ok(composed?)
}

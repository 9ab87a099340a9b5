//! `--save-media`: the file of a message is saved before the message is printed.

use openclaw_proto::v1::content::Kind as Body;
use openclaw_proto::v1::event::Kind;
use openclaw_proto::v1::{Event, Media};
use serde::Serialize;

use super::notes::Notes;
use super::retry::{Retry, may_come};
use crate::address::Address;
use crate::cli::WatchArgs;
use crate::failure::Failure;
use crate::media::{Destination, FileRequest, Saved, fetch};
use crate::{client, console};

/// How many attempts a download gets while the agent is unreachable.
const MAX_TRIES: u32 = 6;

/// The destination of files.
pub(super) struct Saving<'a> {
    address: &'a Address,
    place: Destination,
    max_size: Option<u64>,
    json: bool,
}

/// A separate item of the output, after the event.
#[derive(Serialize)]
struct Item {
    saved: Saved,
}

impl<'a> Saving<'a> {
    /// `None` without `--save-media`.
    pub(super) fn of(
        address: &'a Address,
        args: &WatchArgs,
        json: bool,
    ) -> Result<Option<Self>, Failure> {
        let Some(dir) = &args.save_media else {
            return Ok(None);
        };
        Ok(Some(Self {
            address,
            place: Destination::numbered(dir)?,
            max_size: args.max_size,
            json,
        }))
    }

    /// Saves the file of a message, if it has one. A failed download is reported and the watch continues; an unwritable
    /// directory is an error.
    pub(super) async fn save(
        &self,
        event: &Event,
        notes: &Notes,
    ) -> Result<Option<Saved>, Failure> {
        if !media(event).is_some_and(|media| media.downloadable) {
            return Ok(None);
        }
        match self.fetch(event.seq).await {
            Ok(saved) => Ok(Some(saved)),
            // Saved by an earlier watch.
            Err(failure) if failure.reason() == Some("FILE_EXISTS") => Ok(None),
            Err(failure) if failure.reason().is_none() => Err(failure),
            Err(failure) => {
                notes.not_saved(event.seq, &failure);
                Ok(None)
            }
        }
    }

    async fn fetch(&self, seq: u64) -> Result<Saved, Failure> {
        let wanted = FileRequest {
            seq,
            quoted: false,
            max_size: self.max_size,
        };
        let mut retry = Retry::default();
        loop {
            let fetched = async {
                let mut files = client::files(self.address).await?;
                fetch(&mut files, wanted, &self.place, self.json).await
            };
            match fetched.await {
                // The agent has already retried failures of WhatsApp and the phone.
                Err(failure) if is_away(&failure) && retry.count() < MAX_TRIES => {
                    retry.wait().await;
                }
                fetched => return fetched,
            }
        }
    }
}

/// Prints the saved file, after its event.
pub(super) fn print(saved: Saved, json: bool) -> Result<(), Failure> {
    match json {
        true => console::json(&Item { saved }),
        false => console::line(&saved.line()),
    }
}

fn is_away(failure: &Failure) -> bool {
    let is_file = failure
        .reason()
        .is_some_and(|reason| reason.starts_with("MEDIA_"));
    let is_cut = failure.reason() == Some("STREAM_TRUNCATED");
    is_cut || may_come(failure) && !is_file
}

fn media(event: &Event) -> Option<&Media> {
    let Some(Kind::Message(message)) = &event.kind else {
        return None;
    };
    match &message.content.as_ref()?.kind {
        Some(Body::Media(media)) => Some(media),
        _ => None,
    }
}

//! Pictures of people and groups: one at a time, complete before the client gets the first byte, and kept nowhere.

use std::time::Duration;

use openclaw_state::clock;
use openclaw_types::{ChatId, Contact, Recipient};
use openclaw_whatsapp::session::{DownloadError, PictureError, fetch_picture};
use tokio::sync::mpsc;

use super::{Agent, LookupError};

/// Pictures in memory at once, of at most 2 MiB each.
pub(super) const MAX_PICTURES: usize = 1;
/// Queued calls.
pub(super) const MAX_WAITING_PICTURES: usize = 16;
/// The size of a piece.
const PIECE_BYTES: usize = 64 * 1024;
/// A client that has not read the picture by then keeps others waiting.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

type PieceResult = Result<Vec<u8>, DownloadError>;
type PieceSink = mpsc::Sender<PieceResult>;

/// A picture, complete.
pub struct Picture {
    /// Its id.
    pub id: String,
    /// Its size.
    pub bytes: usize,
    /// The bytes, in pieces of at most 64 KiB. An error comes last.
    pub pieces: mpsc::Receiver<PieceResult>,
}

/// Shows the size only.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Picture")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// Why there is no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureDenied {
    /// WhatsApp was not asked for it, or did not answer.
    #[error(transparent)]
    NotAsked(#[from] LookupError),
    /// There is none, or the account may not see it.
    #[error("there is no picture, or this account may not see it")]
    NoPicture,
    /// The queue is full.
    #[error("{MAX_WAITING_PICTURES} calls wait for pictures already")]
    Busy,
    /// It was not sent.
    #[error(transparent)]
    NotSent(#[from] PictureError),
}

impl Agent {
    /// The picture of a person or a group, as it is now.
    pub async fn picture(&self, of: &Recipient, preview: bool) -> Result<Picture, PictureDenied> {
        let waiting = self.picture_turns.queue().ok_or(PictureDenied::Busy)?;
        let turn = waiting.turn().await;
        let of = match of {
            Recipient::Group(_) => of.clone(),
            Recipient::Phone(_) | Recipient::Lid(_) => self.person_as_recipient(of).await?,
        };
        let session = self.session().map_err(LookupError::from)?;
        let question = session.fetch_picture_address(&of, preview);
        let address = self.ask_about(1, clock::now(), question).await?;
        let address = address.ok_or(PictureDenied::NoPicture)?;
        let picture = fetch_picture(&self.network.egress, &address).await;
        let picture = picture.inspect_err(|error| {
            tracing::warn!(%error, "picture not downloaded");
        })?;
        let bytes = picture.len();
        let (sink, pieces) = mpsc::channel(1);
        // It ends with the caller, who holds the receiver.
        tokio::spawn(async move {
            let sent = tokio::time::timeout(READ_TIMEOUT, send(&picture, &sink)).await;
            drop((picture, turn));
            if sent.is_err() {
                let _ = sink.send(Err(DownloadError::TooSlow)).await;
            }
        });
        Ok(Picture {
            id: address.id,
            bytes,
            pieces,
        })
    }

    async fn person_as_recipient(&self, of: &Recipient) -> Result<Recipient, LookupError> {
        let who = Contact::of_jid(ChatId::from(of).jid());
        let named = Recipient::of_contact(&self.person(&who).await?);
        Ok(named.unwrap_or_else(|| of.clone()))
    }
}

async fn send(picture: &[u8], sink: &PieceSink) {
    for piece in picture.chunks(PIECE_BYTES) {
        if sink.send(Ok(piece.to_vec())).await.is_err() {
            // The client has gone.
            return;
        }
    }
}

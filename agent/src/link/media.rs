//! Downloads of message files: resolves the message, and downloads a few files at a time, independently of the link.

use std::sync::Arc;

use openclaw_egress::Egress;
use openclaw_types::{
    Body, ChatId, Contact, Content, Event, EventData, Filter, Media, MessageId, Origin,
    RecipientError, Seq,
};
use openclaw_whatsapp::session::{
    DownloadError, Downloads, Endpoint, MediaFile, Piece, Session, Whole,
};
use tokio::sync::{mpsc, oneshot};

use super::Agent;
use super::resolver::connected;
use super::turns::{Turns, Waiting};

/// Concurrent downloads.
const MAX_DOWNLOADS: usize = 2;
/// Queued downloads.
const MAX_WAITING_DOWNLOADS: usize = 16;
/// Pieces queued between a download and its client.
const MAX_QUEUED_PIECES: usize = 2;

/// A reference to a message.
#[derive(Clone, Debug)]
pub enum MediaOf {
    /// By the seq of its event.
    Seq(Seq),
    /// By its key.
    Key {
        /// The chat.
        chat: ChatId,
        /// The id.
        id: MessageId,
        /// The author; `None`: the account itself.
        sender: Option<Contact>,
    },
}

/// A download request.
#[derive(Clone, Debug)]
pub struct DownloadRequest {
    /// The message.
    pub message: MediaOf,
    /// Download the file of the quoted message instead.
    pub quoted: bool,
    /// The size limit, in bytes.
    pub most: u64,
}

/// A running or queued download. Dropping it aborts the download.
pub struct Download {
    /// The event.
    pub seq: Seq,
    /// The message with the file.
    pub message: MessageId,
    /// The file's metadata.
    pub media: Media,
    /// The file's bytes.
    pub pieces: mpsc::Receiver<Piece>,
    /// The outcome, sent after the last piece.
    pub outcome: oneshot::Receiver<Result<Whole, DownloadError>>,
}

/// Shows the seq only, nothing of the file.
impl std::fmt::Debug for Download {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Download")
            .field("seq", &self.seq)
            .finish_non_exhaustive()
    }
}

/// Why a download is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownloadDenied {
    /// The agent does not have the event, or no longer has it.
    #[error("the agent does not have this message, or no longer has it")]
    NoSuchMessage,
    /// The message has no file.
    #[error("the message has no file")]
    NoMedia,
    /// The message quotes no file.
    #[error("the message quotes no file")]
    NoQuotedMedia,
    /// The message has no address or key for its file.
    #[error("the message has no address or key for its file")]
    NoPointer,
    /// The size that the sender states is over the limit.
    #[error("the file has {bytes} bytes, and the limit is {most}")]
    TooLarge {
        /// The size in the message.
        bytes: u64,
        /// The caller's limit.
        most: u64,
    },
    /// The queue is full.
    #[error("{MAX_WAITING_DOWNLOADS} downloads are queued already")]
    Busy,
}

/// The downloads of an agent.
#[derive(Debug)]
pub(super) struct Transfers {
    downloads: Downloads,
    turns: Arc<Turns>,
}

impl Transfers {
    pub(super) fn new(endpoint: Endpoint, egress: Egress) -> Self {
        Self {
            downloads: Downloads::new(endpoint, egress),
            turns: Turns::new(MAX_DOWNLOADS, MAX_WAITING_DOWNLOADS),
        }
    }

    pub(super) const fn downloads(&self) -> &Downloads {
        &self.downloads
    }
}

impl Agent {
    /// Finds the file, and queues its download.
    pub fn download(&self, request: &DownloadRequest) -> Result<Download, DownloadDenied> {
        let event = self.event_of(&request.message)?;
        let (seq, file, media) = self.file_of(event, request.quoted)?;
        let (bytes, most) = (media.bytes, request.most);
        if bytes > most {
            return Err(DownloadDenied::TooLarge { bytes, most });
        }
        let waiting = self.media.turns.queue().ok_or(DownloadDenied::Busy)?;
        let (sink, pieces) = mpsc::channel(MAX_QUEUED_PIECES);
        let (report, outcome) = oneshot::channel();
        let message = file.message.clone();
        let (media_of, view) = (Arc::clone(&self.media), self.view.clone());
        // Ends with the caller, which holds the receivers.
        tokio::spawn(async move {
            let session = move || connected(&view.borrow());
            let result = take_turn(&media_of, waiting, &file, most, session, sink).await;
            log(seq, &file, &result);
            let _ = report.send(result);
        });
        Ok(Download {
            seq,
            message,
            media,
            pieces,
            outcome,
        })
    }

    /// The event with the message or edit.
    fn event_of(&self, message: &MediaOf) -> Result<Event, DownloadDenied> {
        let found = match message {
            MediaOf::Seq(seq) => self.journal.event(*seq),
            MediaOf::Key { chat, id, sender } => {
                let mut events = self.journal.events_of(id).into_iter();
                events.find(|event| self.is_by(event, chat, id, sender.as_ref()))
            }
        };
        found.ok_or(DownloadDenied::NoSuchMessage)
    }

    /// True if the event is the message with this key.
    fn is_by(
        &self,
        event: &Event,
        chat: &ChatId,
        id: &MessageId,
        sender: Option<&Contact>,
    ) -> bool {
        let EventData::Message(message) = &event.what else {
            return false;
        };
        let mut filter = Filter::default();
        // A parsed chat's name always parses again.
        let named: Result<(), RecipientError> = filter.chats.add(chat.jid());
        let origin = &message.origin;
        let is_author = match sender {
            None => origin.from_me,
            Some(sender) => !origin.from_me && self.names_person(sender, &origin.sender),
        };
        named.is_ok()
            && origin.id == *id
            && is_author
            && filter.passes(&event.what, |jid| self.other_name(jid))
    }

    fn names_person(&self, one: &Contact, other: &Contact) -> bool {
        let phone = one.phone.as_ref();
        let named = phone.map(|phone| ChatId::of_phone(phone).jid().to_owned());
        let lid = || named.and_then(|jid| self.other_name(&jid));
        one.is_same(other) || lid().is_some_and(|jid| Contact::of_jid(&jid).is_same(other))
    }

    /// The file of an event: its own or the quoted one.
    fn file_of(
        &self,
        event: Event,
        quoted: bool,
    ) -> Result<(Seq, MediaFile, Media), DownloadDenied> {
        let seq = event.seq;
        let (origin, content) = match event.what {
            EventData::Message(message) => (message.origin, message.content),
            EventData::Edit(edit) => (edit.origin, edit.content),
            _ => return Err(DownloadDenied::NoMedia),
        };
        let (file, media) = match quoted {
            true => self.quoted_file(origin, content)?,
            false => own_file(origin, content)?,
        };
        Ok((seq, file, media))
    }

    /// The quoted file as the reply contains it; without an address there, as the original message has it, if it is
    /// kept.
    fn quoted_file(
        &self,
        origin: Origin,
        content: Content,
    ) -> Result<(MediaFile, Media), DownloadDenied> {
        let quoted = content.quoted.ok_or(DownloadDenied::NoQuotedMedia)?;
        let chat = origin.chat;
        let from_me = self.is_account(&quoted.sender);
        let media = quoted.media.map(|media| *media);
        let as_quoted = media.as_ref().is_some_and(|media| media.pointer.is_some());
        if !as_quoted {
            let sender = (!from_me).then(|| quoted.sender.clone());
            let id = quoted.id.clone();
            let key = MediaOf::Key { chat, id, sender };
            let found = self.event_of(&key).map(|event| event.what);
            return match (found, media) {
                (Ok(EventData::Message(message)), _) => own_file(message.origin, message.content)
                    .map_err(|denied| match denied {
                        DownloadDenied::NoMedia => DownloadDenied::NoQuotedMedia,
                        denied => denied,
                    }),
                (_, Some(_)) => Err(DownloadDenied::NoPointer),
                (_, None) => Err(DownloadDenied::NoQuotedMedia),
            };
        }
        let media = media.ok_or(DownloadDenied::NoQuotedMedia)?;
        let message = quoted.id;
        file(media, message, chat, quoted.sender, from_me)
    }
}

/// The file of a message.
fn own_file(origin: Origin, content: Content) -> Result<(MediaFile, Media), DownloadDenied> {
    let Body::Media(media) = content.body else {
        return Err(DownloadDenied::NoMedia);
    };
    let Origin {
        id,
        chat,
        sender,
        from_me,
        ..
    } = origin;
    file(*media, id, chat, sender, from_me)
}

fn file(
    media: Media,
    message: MessageId,
    chat: ChatId,
    sender: Contact,
    from_me: bool,
) -> Result<(MediaFile, Media), DownloadDenied> {
    let pointer = media.pointer.clone().ok_or(DownloadDenied::NoPointer)?;
    let file = MediaFile {
        kind: media.kind,
        history: false,
        bytes: media.bytes,
        pointer,
        message,
        chat,
        sender,
        from_me,
    };
    Ok((file, media))
}

/// Logs neither names nor addresses: they identify people.
fn log(Seq(seq): Seq, file: &MediaFile, result: &Result<Whole, DownloadError>) {
    let kind = file.kind.name();
    match result {
        Ok(Whole { bytes, .. }) => tracing::info!(seq, kind, bytes, "media downloaded"),
        Err(DownloadError::Left) => tracing::debug!(seq, kind, "media download abandoned"),
        Err(error) => tracing::warn!(seq, kind, %error, "media download failed"),
    }
}

async fn take_turn(
    transfers: &Transfers,
    waiting: Waiting,
    file: &MediaFile,
    most: u64,
    session: impl Fn() -> Option<Session> + Send,
    sink: mpsc::Sender<Piece>,
) -> Result<Whole, DownloadError> {
    let _turn = tokio::select! {
        turn = waiting.turn() => turn,
        () = sink.closed() => return Err(DownloadError::Left),
    };
    transfers
        .downloads
        .download(file, most, session, sink)
        .await
}

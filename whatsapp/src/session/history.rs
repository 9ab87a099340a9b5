//! Older messages of one chat, from the account's phone, on request (`HISTORY_SYNC_ON_DEMAND`).
//!
//! ```text
//! fetch_history ── request ──> phone ── notification ──> library ── task ──> work ──> the request that waits
//!       └── the file that it names, or what is in it ──> read ──> messages
//! ```
//!
//! Histories that a phone sends unasked, after linking, are skipped by the library. It stops to skip them only while a
//! request waits, and then its tasks are taken here: the library itself would have a whole history in memory, and would
//! store names and secrets of it.

mod read;

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::body::Bytes;
use openclaw_types::{ChatId, Contact, MediaKind, MediaPointer, Message, MessageId, Recipient};
use tokio::sync::mpsc;
use whatsapp_rust::NodeBuilder;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::client::Client;
use whatsapp_rust::sync_task::MajorSyncTask;
use whatsapp_rust::types::presence::ReceiptType;
use whatsapp_rust::waproto::whatsapp::message::{HistorySyncNotification, HistorySyncType};

use super::media::{DownloadError, Downloads, MediaFile, Piece};
use super::outbound::jid;
use super::{Session, lock};
use read::Asked;

/// The maximum number of messages of one request, as many as WhatsApp Web asks for.
pub const MAX_HISTORY_MESSAGES: u32 = 50;
/// How long the phone may take; it may be asleep. Shorter in simulator builds, so that tests are fast.
const PHONE_TIMEOUT: Duration = Duration::from_secs(if cfg!(feature = "sim") { 3 } else { 30 });
/// The timeout for writing the request to the connection, with a session to the phone if there is none.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// The timeout for the file.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// The maximum size of an answer, as it is sent.
const MAX_COMPRESSED_BYTES: usize = 2 << 20;
/// Answers that have arrived and are not looked at yet.
const MAX_QUEUED_ANSWERS: usize = 2;

/// Which messages to fetch: those before this one.
#[derive(Clone, Debug)]
pub struct HistoryRequest {
    /// The chat.
    pub chat: Recipient,
    /// The message's id.
    pub before: MessageId,
    /// Whether the account has sent it.
    pub from_me: bool,
    /// When it was sent.
    pub sent_at: SystemTime,
    /// How many: at most [`MAX_HISTORY_MESSAGES`].
    pub count: u32,
}

/// Messages as the phone has them. Nothing of it is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The messages, newest first.
    pub messages: Vec<Message>,
    /// Whether the phone has older ones.
    pub more: bool,
    /// The oldest entry that was looked at, whether or not it is among the messages: older ones are before it.
    pub oldest: Option<HistoryPosition>,
    /// How many of the phone's messages are left out: of other chats, without content, not readable, or no messages.
    pub left_out: usize,
}

/// Where a message is in the history of its chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPosition {
    /// Its id.
    pub id: MessageId,
    /// Who wrote it; `None`: the account.
    pub sender: Option<Contact>,
    /// When it was sent.
    pub sent_at: SystemTime,
}

/// Why there are no older messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    /// The connection was lost, or the request could not be sent.
    #[error("the connection to WhatsApp was lost")]
    ConnectionLost,
    /// The phone did not answer.
    #[error("the phone did not answer")]
    PhoneSilent,
    /// The phone's answer is larger than this version accepts.
    #[error("the phone's answer is too large")]
    TooLarge,
    /// The phone's answer could not be read.
    #[error("the phone's answer could not be read")]
    Unreadable,
    /// The phone's answer could not be downloaded.
    #[error("the phone's answer could not be downloaded")]
    NotDownloaded(#[source] DownloadError),
}

/// An answer of the phone: the history is in it, or in a file.
struct Answer {
    notification: HistorySyncNotification,
    inline: Option<Bytes>,
}

/// The request that waits for an answer, if any.
#[derive(Default)]
pub(super) struct Requests(Mutex<Option<mpsc::Sender<Answer>>>);

impl Requests {
    fn arrived(&self, answer: Answer) {
        let on_demand = answer.notification.sync_type == Some(HistorySyncType::ON_DEMAND);
        let waiting = lock(&self.0).clone().filter(|_| on_demand);
        if waiting.is_none_or(|waiting| waiting.try_send(answer).is_err()) {
            tracing::debug!("history that no request waits for, ignored");
        }
    }
}

/// Lets histories in as long as it lives.
struct Open<'a>(&'a Session);

impl<'a> Open<'a> {
    fn new(session: &'a Session) -> (Self, mpsc::Receiver<Answer>) {
        let (sender, answers) = mpsc::channel(MAX_QUEUED_ANSWERS);
        *lock(&session.history.0) = Some(sender);
        session.client.set_skip_history_sync(false);
        (Self(session), answers)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.client.set_skip_history_sync(true);
        *lock(&self.0.history.0) = None;
    }
}

/// Does the library's tasks, in place of its own worker. Ends with the client.
pub(super) async fn work(
    client: Weak<Client>,
    tasks: Receiver<MajorSyncTask>,
    requests: Arc<Requests>,
) {
    while let Ok(task) = tasks.recv().await {
        let Some(client) = client.upgrade() else {
            return;
        };
        match task {
            MajorSyncTask::HistorySync {
                message_id,
                notification,
                tracker: _,
            } => {
                let inline = notification.inline_payload;
                requests.arrived(Answer {
                    notification: notification.notification,
                    inline,
                });
                acknowledge(&client, &message_id).await;
            }
            task @ MajorSyncTask::AppStateSync { .. } => client.process_sync_task(task).await,
        }
    }
}

/// The receipt that the library sends for a history: without it the phone sends it again.
async fn acknowledge(client: &Client, id: &str) {
    let Some(own) = client.pn() else {
        return;
    };
    let receipt = NodeBuilder::new("receipt")
        .attr("id", id)
        .attr("type", ReceiptType::HistorySync.as_wire_str())
        .attr("to", own.to_non_ad().to_string())
        .build();
    // Fails if the connection was lost: the phone sends the history again, and it is skipped.
    let _ = client.send_node(receipt).await;
}

impl Session {
    /// Asks the account's phone for older messages of a chat. The caller sends one request at a time: the answers of a
    /// second one would not reach it.
    pub async fn fetch_history(
        &self,
        downloads: &Downloads,
        request: &HistoryRequest,
    ) -> Result<History, HistoryError> {
        let compressed = self.history_bytes(downloads, request).await?;
        let account = self.account_jids();
        let asked = Asked {
            chat: ChatId::from(&request.chat),
            before: request.before.clone(),
            count: usize::try_from(request.count).unwrap_or_default(),
        };
        let store = self.store.clone();
        // Inflating takes some milliseconds.
        let reading = move || read::history(&compressed, &asked, &account, &store);
        let read = tokio::task::spawn_blocking(reading).await;
        read.unwrap_or(Err(HistoryError::Unreadable))
    }

    /// The phone's answer, compressed.
    async fn history_bytes(
        &self,
        downloads: &Downloads,
        request: &HistoryRequest,
    ) -> Result<Vec<u8>, HistoryError> {
        let Answer {
            notification,
            inline,
        } = self.answer(request).await?;
        match inline {
            Some(inline) if inline.len() > MAX_COMPRESSED_BYTES => Err(HistoryError::TooLarge),
            Some(inline) => Ok(inline.to_vec()),
            None => {
                let file = file(notification, request);
                let fetched = self.file_bytes(downloads, &file);
                let fetched = tokio::time::timeout(DOWNLOAD_TIMEOUT, fetched).await;
                fetched.unwrap_or(Err(HistoryError::NotDownloaded(DownloadError::Stalled)))
            }
        }
    }

    /// The answer to this request. A late one to an earlier request has another id.
    async fn answer(&self, request: &HistoryRequest) -> Result<Answer, HistoryError> {
        let (_open, mut answers) = Open::new(self);
        let sent_at = request.sent_at.duration_since(UNIX_EPOCH);
        let sent_at = i64::try_from(sent_at.unwrap_or_default().as_millis());
        let chat = jid(&request.chat);
        let asked = self.client.fetch_message_history(
            &chat,
            request.before.as_str(),
            request.from_me,
            sent_at.unwrap_or_default(),
            i32::try_from(request.count.min(MAX_HISTORY_MESSAGES)).unwrap_or_default(),
        );
        let asked = tokio::time::timeout(REQUEST_TIMEOUT, asked).await;
        let Ok(Ok(id)) = asked else {
            return Err(HistoryError::ConnectionLost);
        };
        let answered = async {
            while let Some(answer) = answers.recv().await {
                let session = answer.notification.peer_data_request_session_id.as_deref();
                if session == Some(&*id) {
                    return Some(answer);
                }
            }
            None
        };
        let answered = tokio::time::timeout(PHONE_TIMEOUT, answered).await;
        answered
            .unwrap_or_default()
            .ok_or(HistoryError::PhoneSilent)
    }

    async fn file_bytes(
        &self,
        downloads: &Downloads,
        file: &MediaFile,
    ) -> Result<Vec<u8>, HistoryError> {
        let (sink, mut pieces) = mpsc::channel(1);
        let most = u64::try_from(MAX_COMPRESSED_BYTES).unwrap_or(u64::MAX);
        let download = downloads.download(file, most, || Some(self.clone()), sink);
        let collect = async {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.recv().await {
                match piece {
                    Piece::Chunk(chunk) => bytes.extend(chunk),
                    Piece::Restart => bytes.clear(),
                }
            }
            bytes
        };
        match tokio::join!(download, collect) {
            (Ok(_), bytes) => Ok(bytes),
            (Err(DownloadError::TooLarge(_)), _) => Err(HistoryError::TooLarge),
            (Err(error), _) => Err(HistoryError::NotDownloaded(error)),
        }
    }

    /// The account's JIDs, by which it is the sender of its own messages.
    fn account_jids(&self) -> read::Account {
        read::Account {
            number: self.client.pn().map(|jid| jid.to_non_ad()),
            lid: self.client.lid().map(|jid| jid.to_non_ad()),
        }
    }
}

/// The file that a notification names.
fn file(notification: HistorySyncNotification, request: &HistoryRequest) -> MediaFile {
    MediaFile {
        kind: MediaKind::Unknown,
        history: true,
        bytes: notification.file_length.unwrap_or_default(),
        pointer: MediaPointer {
            direct_path: notification.direct_path.unwrap_or_default(),
            key: notification.media_key.unwrap_or_default(),
            sha256: notification.file_sha256.unwrap_or_default(),
            encrypted_sha256: notification.file_enc_sha256.unwrap_or_default(),
            key_made_at: 0,
        },
        message: request.before.clone(),
        chat: ChatId::from(&request.chat),
        sender: Contact::default(),
        from_me: true,
    }
}

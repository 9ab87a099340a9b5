//! The tools that send, and change what was sent.

use std::io::{Cursor, Read};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openclaw_proto::Word as _;
use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::send_request::Payload;
use openclaw_proto::v1::{
    Contact, Content, DeletionDraft, EditDraft, MarkReadRequest, Media, MediaKind, MessageKey,
    MessageRef, ReactionDraft, SendRequest, SendResponse, SendState, UploadStart,
};
use openclaw_types::Text;
use rmcp::model::RequestId;
use schemars::JsonSchema;
use serde::Serialize;

use super::args::{DeleteMessage, EditMessage, MarkRead, React, SendMedia, SendMessage, Subject};
use super::files::Files;
use super::read::invalid;
use super::recipients::Recipients;
use super::shown::person::{Person, known};
use super::token::Tokens;
use super::untrusted::id;
use crate::address::Address;
use crate::cli::DeliveryArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::{person, recipient};
use crate::send::file::{mime_type, transfer};
use crate::send::submit;
use crate::{client, journal};

/// A file that the assistant gives as data.
pub(super) const MAX_DATA_BYTES: usize = 4 << 20;
/// How long a send waits for WhatsApp's server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The agent answers slightly after its own timeout.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);
const MAX_READ: usize = 50;

/// With what a send is made, besides its arguments.
pub(super) struct Sender<'a> {
    pub(super) address: &'a Address,
    pub(super) recipients: &'a Recipients,
    pub(super) files: Option<&'a Files>,
    pub(super) tokens: &'a Tokens,
    /// The id of the request.
    pub(super) id: &'a RequestId,
}

/// What became of a message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sent {
    /// WhatsApp's id of the message.
    message_id: Option<String>,
    /// accepted: the agent has it; server_ack: WhatsApp's server has it; delivered; read.
    state: Option<String>,
    /// The chat.
    chat: Option<String>,
    /// The recipient, with the number as WhatsApp spells it.
    to: Option<Person>,
    /// Two calls with this key send one message.
    idempotency_key: String,
}

/// What was marked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Marked {
    /// How many messages.
    marked: usize,
}

impl Sender<'_> {
    pub(super) async fn message(self, args: SendMessage) -> Result<Sent, Failure> {
        let token = self.token(args.idempotency_key.as_deref())?;
        let request = SendRequest {
            to: self.to(args.to.as_deref(), args.reply_to).await?,
            payload: Some(Payload::Content(text(args.text, &args.mentions)?)),
            reply_to: args.reply_to.map(by_seq),
            ..SendRequest::default()
        };
        self.submit(request, token).await
    }

    pub(super) async fn media(self, args: SendMedia) -> Result<Sent, Failure> {
        let token = self.token(args.idempotency_key.as_deref())?;
        let to = self.to(args.to.as_deref(), args.reply_to).await?;
        let kind = MediaKind::from_word(&args.kind)
            .filter(|kind| *kind != MediaKind::VideoNote)
            .ok_or_else(|| invalid("kind: not a kind of file that can be sent"))?;
        let (mut file, size_bytes, name) = self.source(&args)?;
        let name = args.file_name.unwrap_or(name);
        let start = UploadStart {
            kind: kind.into(),
            mime_type: args
                .mime_type
                .unwrap_or_else(|| mime_type(kind, Path::new(&name))),
            file_name: match kind {
                MediaKind::Document => name,
                _ => String::new(),
            },
            size_bytes,
            ..UploadStart::default()
        };
        let media_id = transfer(self.address, start, &mut file, |_| {}).await?;
        let media = Media {
            media_id,
            caption: args.caption.unwrap_or_default(),
            ..Media::default()
        };
        let content = Content {
            kind: Some(Kind::Media(media)),
            ..Content::default()
        };
        let request = SendRequest {
            to,
            payload: Some(Payload::Content(content)),
            reply_to: args.reply_to.map(by_seq),
            ..SendRequest::default()
        };
        self.submit(request, token).await
    }

    /// The bytes to send, how many they are, and their name.
    fn source(&self, args: &SendMedia) -> Result<(Box<dyn Read + Send>, u64, String), Failure> {
        match (&args.path, &args.data) {
            (Some(path), None) => {
                let files = self.files.ok_or_else(no_files)?;
                let path = Path::new(path);
                let file = files.read(path)?;
                let size = file.metadata().map_or(0, |found| found.len());
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                Ok((Box::new(file), size, name.into_owned()))
            }
            (None, Some(data)) => {
                let bytes = STANDARD
                    .decode(data)
                    .map_err(|_| invalid("data: not base64"))?;
                if bytes.len() > MAX_DATA_BYTES {
                    return Err(invalid("data: larger than 4 MiB").with_hint("give a `path`"));
                }
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                Ok((Box::new(Cursor::new(bytes)), size, "file".to_owned()))
            }
            _ => Err(invalid("give either `path` or `data`")),
        }
    }

    pub(super) async fn reaction(self, args: React) -> Result<Sent, Failure> {
        let token = self.token(args.idempotency_key.as_deref())?;
        let (to, target) = self.subject(&args.message).await?;
        let payload = Payload::Reaction(ReactionDraft {
            target: Some(target),
            emoji: args.emoji,
        });
        self.submit(about(to, payload), token).await
    }

    pub(super) async fn edit(self, args: EditMessage) -> Result<Sent, Failure> {
        let token = self.token(args.idempotency_key.as_deref())?;
        let content = text(args.text, &args.mentions)?;
        let (to, target) = self.subject(&args.message).await?;
        let payload = Payload::Edit(EditDraft {
            target: Some(target),
            content: Some(content),
        });
        self.submit(about(to, payload), token).await
    }

    pub(super) async fn deletion(self, args: DeleteMessage) -> Result<Sent, Failure> {
        let token = self.token(args.idempotency_key.as_deref())?;
        let (to, target) = self.subject(&args.message).await?;
        let payload = Payload::Deletion(DeletionDraft {
            target: Some(target),
        });
        self.submit(about(to, payload), token).await
    }

    pub(super) async fn mark_read(self, args: MarkRead) -> Result<Marked, Failure> {
        let mut seqs = args.seqs;
        seqs.sort_unstable();
        seqs.dedup();
        if !(1..=MAX_READ).contains(&seqs.len()) {
            return Err(invalid("seqs: give 1 to 50"));
        }
        if self.recipients.limit().is_some() {
            for &seq in &seqs {
                let event = journal::event(self.address, seq).await?;
                self.recipients.check_event(&event)?;
            }
        }
        let marked = seqs.len();
        let messages = seqs.into_iter().map(by_seq).collect();
        let mut chats = client::chats(self.address).await?;
        let call = chats.mark_read(MarkReadRequest { messages });
        client::answer(self.address, call).await?;
        Ok(Marked { marked })
    }

    /// The recipient, checked. Empty for a reply without one, which goes to the chat of its message.
    async fn to(&self, given: Option<&str>, reply_to: Option<u64>) -> Result<String, Failure> {
        match (given, reply_to) {
            (Some(given), _) => {
                let to = recipient("to", given)?;
                self.recipients.check(self.address, &to).await?;
                Ok(to)
            }
            (None, Some(seq)) => self.chat_of(seq).await,
            (None, None) => Err(invalid("give `to`, or `reply_to`")),
        }
    }

    /// The chat of an event, if recipients are limited. The agent finds it by itself, but does not know that limit.
    async fn chat_of(&self, seq: u64) -> Result<String, Failure> {
        if self.recipients.limit().is_none() {
            return Ok(String::new());
        }
        let event = journal::event(self.address, seq).await?;
        self.recipients.check_event(&event)
    }

    /// The message that a tool is about, and its chat, checked.
    async fn subject(&self, subject: &Subject) -> Result<(String, MessageRef), Failure> {
        match subject {
            Subject {
                seq: Some(seq),
                chat: None,
                id: None,
                sender: None,
            } => Ok((self.chat_of(*seq).await?, by_seq(*seq))),
            Subject {
                seq: None,
                chat: Some(chat),
                id: Some(id),
                sender,
            } => {
                let chat = recipient("message.chat", chat)?;
                self.recipients.check(self.address, &chat).await?;
                let sender = sender.as_deref().map(|who| contact("message.sender", who));
                let key = MessageKey {
                    chat: chat.clone(),
                    id: id.clone(),
                    sender: sender.transpose()?,
                };
                let by = Some(By::Key(key));
                Ok((chat, MessageRef { by }))
            }
            _ => Err(invalid("message: give `seq`, or `chat` and `id`")),
        }
    }

    async fn submit(self, request: SendRequest, token: String) -> Result<Sent, Failure> {
        let delivery = DeliveryArgs {
            wait: SendState::ServerAck,
            token: Some(token.clone()),
            timeout: TIMEOUT,
            queue: false,
            keep_for: None,
        };
        // An upload to WhatsApp may take longer.
        let is_file = matches!(&request.payload, Some(Payload::Content(it)) if matches!(it.kind, Some(Kind::Media(_))));
        let limit = (!is_file).then_some(ANSWER_TIMEOUT);
        let sent = submit(self.address, request, &delivery, limit, true).await;
        let sent = sent.map_err(|failure| explain(failure, &token))?;
        if sent.state() == SendState::Failed {
            return Err(Failure::new("WhatsApp refused the message").with_reason("NOT_SENT"));
        }
        Ok(Sent::of(&sent))
    }

    fn token(&self, chosen: Option<&str>) -> Result<String, Failure> {
        self.tokens.of(self.id, chosen)
    }
}

/// An assistant has no `--token`.
fn explain(failure: Failure, token: &str) -> Failure {
    match failure.reason() {
        Some("OUTCOME_UNKNOWN") => failure.with_hint(format!(
            "to get the outcome, call again with the same arguments and `idempotency_key` {token:?}: one key sends at most one message"
        )),
        _ => failure,
    }
}

impl Sent {
    fn of(sent: &SendResponse) -> Self {
        let SendResponse {
            message_id,
            state,
            client_token,
            chat,
            recipient,
            ..
        } = sent;
        Self {
            message_id: id(message_id),
            state: known::<SendState>(*state),
            chat: id(chat),
            to: Person::known(recipient.as_ref()),
            idempotency_key: client_token.clone(),
        }
    }
}

/// `to` is empty, or the chat of the message.
fn about(to: String, payload: Payload) -> SendRequest {
    SendRequest {
        to,
        payload: Some(payload),
        ..SendRequest::default()
    }
}

fn by_seq(seq: u64) -> MessageRef {
    MessageRef {
        by: Some(By::Seq(seq)),
    }
}

fn text(text: String, mentions: &[String]) -> Result<Content, Failure> {
    let text = Text::try_from(text).map_err(|error| invalid(&error.to_string()))?;
    let mentions = mentions.iter().map(|who| contact("mentions", who));
    Ok(Content {
        mentions: mentions.collect::<Result<_, _>>()?,
        ..Content::of_text(String::from(text))
    })
}

fn contact(argument: &str, given: &str) -> Result<Contact, Failure> {
    let address = person(argument, given)?;
    let (phone, lid) = match address.ends_with("@lid") {
        true => (String::new(), address),
        false => (address, String::new()),
    };
    Ok(Contact { phone, lid })
}

fn no_files() -> Failure {
    Failure::new("the operator shares no files with the assistant")
        .with_exit(Exit::Refused)
        .with_reason("NO_FILES")
        .with_hint("give `data`, or ask the operator to start `openclawctl mcp` with --files DIR")
}

//! What the page changes.

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use hyper::body::Bytes;
use openclaw_proto::Word as _;
use openclaw_proto::v1::content::Kind;
use openclaw_proto::v1::message_ref::By;
use openclaw_proto::v1::send_request::Payload;
use openclaw_proto::v1::{
    AddAllowedRequest, CancelSendRequest, Content, Media, MediaKind, MessageRef,
    ReloadRulesRequest, RemoveAllowedRequest, ResumeRequest, SendRequest, SendState,
    TestAlertRequest, UnpairRequest, UploadStart,
};
use openclaw_types::Text;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::query::Query;
use super::shown;
use crate::address::Address;
use crate::cli::DeliveryArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::recipient;
use crate::send::file::{mime_type, transfer};
use crate::send::submit;
use crate::{client, duration};

/// The largest file that the page sends: it is held in memory.
pub(super) const MAX_FILE_BYTES: usize = 16 << 20;
/// How long a send waits for WhatsApp's server, and the answer of the agent a little longer.
const SEND_TIMEOUT: Duration = Duration::from_secs(15);
const SEND_ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The upload to WhatsApp is not counted in the timeout of a send.
const FILE_ANSWER_TIMEOUT: Duration = Duration::from_secs(240);
/// An attempt takes at most 10 s, and may wait for another one to end.
const ALERT_TIMEOUT: Duration = Duration::from_secs(22);
/// The agent asks WhatsApp first.
const UNPAIR_TIMEOUT: Duration = Duration::from_secs(22);
const RESUME_TIMEOUT: Duration = Duration::from_secs(15);

/// A message to send. The page makes the token when the text is new, so that a second click sends nothing more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    to: String,
    text: String,
    token: String,
    reply_to: Option<u64>,
    media_id: Option<String>,
    #[serde(default)]
    queue: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    who: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

/// The person has confirmed it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    confirmed: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Reads what the page sent.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    // It may be a text: the error shows nothing of it.
    serde_json::from_slice(body)
        .map_err(|_| Failure::usage("the page sent something unknown").with_hint("reload the page"))
}

/// Sends a message.
pub(super) async fn send(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let draft: Draft = read(body)?;
    if draft.token.is_empty() {
        return Err(Failure::usage("a message needs a token"));
    }
    let is_file = draft.media_id.is_some();
    let delivery = DeliveryArgs {
        wait: SendState::ServerAck,
        token: Some(draft.token.clone()),
        timeout: SEND_TIMEOUT,
        queue: draft.queue,
        keep_for: None,
    };
    let request = SendRequest {
        to: recipient("the recipient", &draft.to)?,
        reply_to: draft.reply_to.map(|seq| MessageRef {
            by: Some(By::Seq(seq)),
        }),
        payload: Some(Payload::Content(content(draft)?)),
        ..SendRequest::default()
    };
    let limit = if is_file {
        FILE_ANSWER_TIMEOUT
    } else {
        SEND_ANSWER_TIMEOUT
    };
    let sent = submit(address, request, &delivery, Some(limit), true).await?;
    if sent.state() == SendState::Failed {
        return Err(Failure::new("WhatsApp refused the message").with_reason("NOT_SENT"));
    }
    Ok(shown::sent(&sent))
}

fn content(draft: Draft) -> Result<Content, Failure> {
    let Some(media_id) = draft.media_id else {
        let text = Text::try_from(draft.text);
        let text = text.map_err(|error| Failure::usage(error.to_string()))?;
        return Ok(Content::of_text(String::from(text)));
    };
    let media = Media {
        media_id,
        caption: draft.text,
        ..Media::default()
    };
    Ok(Content {
        kind: Some(Kind::Media(media)),
        ..Content::default()
    })
}

/// Hands a file to the agent, to be sent.
pub(super) async fn upload(
    address: &Address,
    query: &Query<'_>,
    body: Bytes,
) -> Result<Value, Failure> {
    let kind = MediaKind::from_word(&query.text("kind")?)
        .filter(|kind| *kind != MediaKind::VideoNote)
        .ok_or_else(|| Failure::usage("not a kind of file that can be sent"))?;
    let name = query.text("name")?;
    let start = UploadStart {
        kind: kind.into(),
        mime_type: mime_type(kind, Path::new(&name)),
        file_name: match kind {
            MediaKind::Document => name,
            _ => String::new(),
        },
        size_bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
        ..UploadStart::default()
    };
    let media_id = transfer(address, start, &mut Cursor::new(body), |_| {}).await?;
    Ok(json!({"media_id": media_id}))
}

pub(super) async fn cancel(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Token { token } = read(body)?;
    let mut agent = client::agent(address).await?;
    let request = CancelSendRequest {
        client_token: token,
    };
    let answer = client::answer(address, agent.cancel_send(request)).await?;
    Ok(shown::plain(&answer))
}

pub(super) async fn allow(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Who { who } = read(body)?;
    let who = recipient("the number", &who)?;
    let mut access = client::access(address).await?;
    let answer = client::answer(address, access.add_allowed(AddAllowedRequest { who })).await?;
    Ok(shown::plain(&answer))
}

pub(super) async fn disallow(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Who { who } = read(body)?;
    let who = recipient("the number", &who)?;
    let mut access = client::access(address).await?;
    let request = RemoveAllowedRequest { who };
    client::answer(address, access.remove_allowed(request)).await?;
    Ok(json!({}))
}

pub(super) async fn reload(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Nothing {} = read(body)?;
    let mut access = client::access(address).await?;
    let answer = client::answer(address, access.reload_rules(ReloadRulesRequest {})).await?;
    Ok(shown::plain(&answer))
}

pub(super) async fn test_alert(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Nothing {} = read(body)?;
    let mut alerts = client::alerts(address).await?;
    let call = alerts.test_alert(TestAlertRequest {});
    let answer = client::answer_within(address, ALERT_TIMEOUT, call).await?;
    Ok(shown::plain(&answer))
}

pub(super) async fn resume(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Nothing {} = read(body)?;
    let mut agent = client::agent(address).await?;
    let call = agent.resume(ResumeRequest {
        timeout: duration::to_wire(RESUME_TIMEOUT),
    });
    let answer = client::answer_within(address, UNPAIR_TIMEOUT, call).await?;
    Ok(shown::plain(&answer))
}

pub(super) async fn unpair(address: &Address, body: &Bytes) -> Result<Value, Failure> {
    let Confirmed { confirmed: true } = read(body)? else {
        return Err(Failure::new("nothing was changed").with_exit(Exit::Refused));
    };
    let mut agent = client::agent(address).await?;
    let call = agent.unpair(UnpairRequest {});
    let answer = client::answer_within(address, UNPAIR_TIMEOUT, call).await?;
    Ok(shown::plain(&answer))
}

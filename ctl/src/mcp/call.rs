//! One call of a tool: its arguments in, its result out.

use rmcp::RoleServer;
use rmcp::model::{CallToolResult, JsonObject};
use rmcp::service::RequestContext;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::args::{GetMedia, NoArgs, SearchMessages, Seq};
use super::error::arguments;
use super::files::Files;
use super::media::fetch;
use super::place::media;
use super::recipients::Recipients;
use super::resource::{MediaResult, block};
use super::send::Sender;
use super::shown::status::StatusShown;
use super::token::Tokens;
use super::tool::Name;
use super::{read, search};
use crate::address::Address;
use crate::failure::{Exit, Failure};
use crate::media::whole::Wanted;
use crate::numbers::Numbers;

/// What the operator allows.
pub(super) struct Settings {
    pub(super) allow_send: bool,
    /// In bytes.
    pub(super) max_media: u64,
    pub(super) recipients: Recipients,
    pub(super) files: Option<Files>,
    pub(super) tokens: Tokens,
}

impl Settings {
    /// What the tools that send need.
    ///
    /// # Errors
    /// The operator has not allowed sending.
    fn sender<'a>(
        &'a self,
        address: &'a Address,
        context: &'a RequestContext<RoleServer>,
    ) -> Result<Sender<'a>, Failure> {
        if !self.allow_send {
            return Err(sending_off());
        }
        Ok(Sender {
            address,
            recipients: &self.recipients,
            files: self.files.as_ref(),
            tokens: &self.tokens,
            id: &context.id,
        })
    }
}

pub(super) async fn run(
    address: &Address,
    settings: &Settings,
    name: Name,
    given: JsonObject,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, Failure> {
    let sender = || settings.sender(address, context);
    match name {
        Name::Status => {
            let NoArgs {} = parse(given)?;
            let status = read::status(address).await?;
            let limit = settings.recipients.limit();
            let shown = StatusShown::new(&status, settings.allow_send, limit);
            result(&shown)
        }
        Name::ListChats => result(&read::chats(address, parse(given)?).await?),
        Name::ListMessages => result(&read::messages(address, parse(given)?).await?),
        Name::GetMessage => {
            let Seq { seq } = parse(given)?;
            result(&read::message(address, seq).await?)
        }
        Name::SearchMessages => {
            let args: SearchMessages = parse(given)?;
            result(&search::run(address, &args).await?)
        }
        Name::GetMedia => get_media(address, settings, parse(given)?, context).await,
        Name::GetContact => result(&read::contact(address, &parse(given)?).await?),
        Name::LookupNumbers => result(&read::lookup(address, &parse(given)?).await?),
        Name::ListGroups => result(&read::groups(address, parse(given)?).await?),
        Name::GetGroup => result(&read::group(address, &parse(given)?).await?),
        Name::SendMessage => result(&sender()?.message(parse(given)?).await?),
        Name::SendMedia => result(&sender()?.media(parse(given)?).await?),
        Name::React => result(&sender()?.reaction(parse(given)?).await?),
        Name::EditMessage => result(&sender()?.edit(parse(given)?).await?),
        Name::DeleteMessage => result(&sender()?.deletion(parse(given)?).await?),
        Name::MarkRead => result(&sender()?.mark_read(parse(given)?).await?),
    }
}

async fn get_media(
    address: &Address,
    settings: &Settings,
    args: GetMedia,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResult, Failure> {
    let GetMedia { seq, quoted } = args;
    let wanted = Wanted {
        seq,
        quoted,
        max_bytes: settings.max_media,
    };
    let fetched = fetch(address, wanted, context).await?;
    let mut result = result(&MediaResult::new(seq, &fetched))?;
    result.content.push(block(media(seq), &fetched));
    Ok(result)
}

fn parse<T: DeserializeOwned>(given: JsonObject) -> Result<T, Failure> {
    serde_json::from_value(Value::Object(given)).map_err(|error| arguments(&error))
}

/// As structured content, and the same as text, for clients that have no structured content.
fn result(shown: &impl Serialize) -> Result<CallToolResult, Failure> {
    Ok(CallToolResult::structured(json(shown)?))
}

/// With numbers as the operator sees them: `--mask`.
pub(super) fn json(shown: &impl Serialize) -> Result<Value, Failure> {
    let value = serde_json::to_value(shown)
        .map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
    Ok(Numbers::chosen().show_json(value))
}

fn sending_off() -> Failure {
    Failure::new("this server only reads")
        .with_exit(Exit::Refused)
        .with_reason("SENDING_OFF")
        .with_hint("only the operator can change that: `openclawctl mcp --allow-send`")
}

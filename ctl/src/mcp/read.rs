//! The tools that read.

use std::time::Duration;

use openclaw_proto::v1::{
    ChatKind, EventFilter, EventKind, GetContactRequest, GetGroupRequest, ListChatsRequest,
    ListGroupsRequest, LookupRequest, StatusRequest, StatusResponse,
};

use super::args::{
    GetContact, GetGroup, ListChats, ListGroups, ListMessages, LookupNumbers, values,
};
use super::shown::chat::{ChatShown, Chats};
use super::shown::group::{GroupShown, Groups};
use super::shown::message::{MessageShown, Messages};
use super::shown::person::{ContactShown, LookupShown, Lookups};
use super::untrusted::{MAX_CHARS, MAX_LISTED_CHARS};
use crate::address::Address;
use crate::failure::Failure;
use crate::numbers::{chat, person, phone, recipient};
use crate::{client, journal};

/// The agent waits for two answers of WhatsApp, 15 seconds each.
const WHATSAPP_TIMEOUT: Duration = Duration::from_secs(40);
/// The most numbers of one lookup.
const MAX_NUMBERS: usize = 20;

/// What `list_messages` lists by default.
const USUAL_KINDS: [EventKind; 4] = [
    EventKind::Message,
    EventKind::Edit,
    EventKind::Deletion,
    EventKind::Reaction,
];

/// An argument that the schema does not allow.
pub(super) fn invalid(message: &str) -> Failure {
    Failure::usage(message).with_reason("INVALID_ARGUMENT")
}

/// A page size.
pub(super) fn limit(given: Option<u32>, usual: u32, most: u32) -> u32 {
    given.unwrap_or(usual).clamp(1, most)
}

fn next(page_token: String) -> Option<String> {
    Some(page_token).filter(|token| !token.is_empty())
}

pub(super) async fn status(address: &Address) -> Result<StatusResponse, Failure> {
    let mut agent = client::agent(address).await?;
    client::answer(address, agent.status(StatusRequest {})).await
}

pub(super) async fn chats(address: &Address, args: ListChats) -> Result<Chats, Failure> {
    let request = ListChatsRequest {
        page_size: limit(args.limit, 30, 100),
        page_token: args.cursor.unwrap_or_default(),
        chat_kinds: values::<ChatKind>("chat_kinds", &args.chat_kinds)?,
    };
    let mut chats = client::chats(address).await?;
    let page = client::answer(address, chats.list_chats(request)).await?;
    Ok(Chats {
        chats: page.chats.iter().map(ChatShown::from).collect(),
        next_cursor: next(page.next_page_token),
        incomplete: page.incomplete,
    })
}

pub(super) async fn messages(address: &Address, args: ListMessages) -> Result<Messages, Failure> {
    let kinds = match args.kinds.as_slice() {
        [] => USUAL_KINDS.iter().map(|kind| i32::from(*kind)).collect(),
        given => values::<EventKind>("kinds", given)?,
    };
    let given = args.chat.iter().map(|given| chat("chat", given));
    let filter = EventFilter {
        kinds,
        chats: given.collect::<Result<_, _>>()?,
        chat_kinds: values::<ChatKind>("chat_kinds", &args.chat_kinds)?,
    };
    let size = limit(args.limit, 20, 50);
    let page = journal::page(address, filter, size, args.cursor.unwrap_or_default()).await?;
    let shown = page.events.iter();
    Ok(Messages {
        messages: shown
            .map(|event| MessageShown::new(event, MAX_LISTED_CHARS))
            .collect(),
        next_cursor: next(page.next_page_token),
    })
}

pub(super) async fn message(address: &Address, seq: u64) -> Result<MessageShown, Failure> {
    let event = journal::event(address, seq).await?;
    Ok(MessageShown::new(&event, MAX_CHARS))
}

pub(super) async fn contact(address: &Address, args: &GetContact) -> Result<ContactShown, Failure> {
    let contact = person("contact", &args.contact)?;
    let mut contacts = client::contacts(address).await?;
    let call = contacts.get_contact(GetContactRequest {
        contact,
        refresh: false,
    });
    let answer = client::answer_within(address, WHATSAPP_TIMEOUT, call).await?;
    Ok(ContactShown::from(&answer.contact.unwrap_or_default()))
}

pub(super) async fn lookup(address: &Address, args: &LookupNumbers) -> Result<Lookups, Failure> {
    if !(1..=MAX_NUMBERS).contains(&args.numbers.len()) {
        return Err(invalid("numbers: give 1 to 20"));
    }
    let numbers = args.numbers.iter().map(|given| phone("numbers", given));
    let numbers = numbers.collect::<Result<_, _>>()?;
    let mut contacts = client::contacts(address).await?;
    let call = contacts.lookup(LookupRequest { numbers });
    let answer = client::answer_within(address, WHATSAPP_TIMEOUT, call).await?;
    Ok(Lookups {
        results: answer.results.iter().map(LookupShown::from).collect(),
    })
}

pub(super) async fn groups(address: &Address, args: ListGroups) -> Result<Groups, Failure> {
    let mut groups = client::groups(address).await?;
    let call = groups.list_groups(ListGroupsRequest {
        page_size: limit(args.limit, 50, 100),
        page_token: args.cursor.unwrap_or_default(),
        fresh: false,
    });
    let page = client::answer_within(address, WHATSAPP_TIMEOUT, call).await?;
    Ok(Groups {
        groups: page.groups.iter().map(GroupShown::from).collect(),
        next_cursor: next(page.next_page_token),
        total: page.total_size,
        incomplete: page.incomplete,
    })
}

pub(super) async fn group(address: &Address, args: &GetGroup) -> Result<GroupShown, Failure> {
    let group = recipient("group", &args.group)?;
    if !group.ends_with("@g.us") {
        return Err(invalid("group: not the id of a group (…@g.us)"));
    }
    let mut groups = client::groups(address).await?;
    let call = groups.get_group(GetGroupRequest {
        group,
        fresh: false,
    });
    let answer = client::answer_within(address, WHATSAPP_TIMEOUT, call).await?;
    Ok(GroupShown::from(&answer.group.unwrap_or_default()))
}

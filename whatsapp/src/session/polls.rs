//! The secrets of polls. A vote is encrypted with the secret of its poll, which only those have who received the poll.
//!
//! The library stores secrets shortly after a message has arrived or was sent; a crash in between loses them. Polls
//! accept votes for months, so the secret is stored here first: with the event of an incoming poll, and before an
//! outgoing one is sent.

use openclaw_state::journal::{Arrival, Journal};
use openclaw_state::people::People as _;
use openclaw_types::{Body, ChatId, Contact, EventData, Message, MessageId, Target};
use whatsapp_rust::types::events::InboundMessage;
use whatsapp_rust::types::message::MessageSource;
use whatsapp_rust::wacore::msg_secret::{RetentionClass, expires_at};
use whatsapp_rust::wacore::poll;
use whatsapp_rust::wacore::store::traits::MsgSecretEntry;
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{CacheConfig, Jid, wacore};
use zeroize::Zeroizing;

use super::names::jids;
use super::own::{self, own_message};
use super::translate;
use crate::store::Store;

/// The key material for votes in a poll.
pub(super) struct PollKey {
    /// The address of the poll's author from which the key is derived.
    pub(super) creator: Jid,
    pub(super) secret: Zeroizing<[u8; 32]>,
}

/// Whether votes in this poll can be encrypted and decrypted. `author` has all known addresses.
#[must_use]
pub fn has_poll_key(store: &Store, chat: &ChatId, author: &Contact, id: &MessageId) -> bool {
    find(store, chat, author, id).is_some()
}

/// The key of a poll in this chat. Tries every address under which the wire may name the chat and the author.
pub(super) fn find(
    store: &Store,
    chat: &ChatId,
    author: &Contact,
    id: &MessageId,
) -> Option<PollKey> {
    let chats = store.names(chat.jid(), None);
    jids(author).into_iter().flatten().find_map(|creator| {
        let sender = creator.to_string();
        let mut found = chats
            .iter()
            .filter_map(|chat| store.secret(chat, &sender, id.as_str()));
        let secret = found.next()?;
        Some(PollKey { creator, secret })
    })
}

/// The key of a new poll of this account. It is the same for every attempt, so that votes in a poll that is sent again
/// remain valid.
pub(super) fn create(store: &Store, chat: &Jid, own: &Jid, id: &MessageId) -> Option<PollKey> {
    let (name, sender) = (chat.to_string(), own.to_string());
    let key = |secret| PollKey {
        creator: own.clone(),
        secret,
    };
    if let Some(secret) = store.secret(&name, &sender, id.as_str()) {
        return Some(key(secret));
    }
    let mut secret = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *secret).ok()?;
    keep(
        store,
        chat,
        own,
        id.as_str(),
        &secret,
        wacore::time::now_secs(),
    );
    Some(key(secret))
}

/// Stores the secret of an incoming poll.
pub(super) fn arrived(store: &Store, inbound: &InboundMessage) {
    let InboundMessage { message, info, .. } = inbound;
    if !translate::is_poll(message) {
        return;
    }
    let context = message.message_context_info.as_option();
    let secret = context.and_then(|context| context.message_secret.as_deref());
    if let Some(secret) = secret.and_then(|secret| <&[u8; 32]>::try_from(secret).ok()) {
        let source = &info.source;
        let at = info.timestamp.timestamp();
        keep(store, &source.chat, &source.sender, &info.id, secret, at);
    }
}

/// Decrypts a message that is a vote, if the poll and its key are known. The poll may be among the messages in
/// `before`, which are not in the journal yet.
pub(super) fn open_vote<'a>(
    store: &Store,
    journal: &Journal,
    mut before: impl Iterator<Item = &'a Arrival>,
    sealed: &wa::Message,
    message: &mut Message,
) {
    let Message { origin, content } = message;
    let Body::PollVote(vote) = &mut content.body else {
        return;
    };
    let id = &vote.target.message;
    let of_poll = |what: &EventData| match what {
        EventData::Message(message) if message.origin.id == *id => match &message.content.body {
            Body::Poll(poll) => Some(poll.options.clone()),
            _ => None,
        },
        _ => None,
    };
    let just_arrived = before.find_map(|arrival| of_poll(arrival.what.as_ref()?));
    let options = just_arrived
        .or_else(|| {
            let events = journal.events_of(id);
            events.iter().find_map(|event| of_poll(&event.what))
        })
        .or_else(|| match own_message(store, &origin.chat, id)? {
            Body::Poll(poll) => Some(poll.options),
            _ => None,
        });
    let hashes = translate::sealed_vote(sealed)
        .and_then(|sealed| decrypted(store, &origin.chat, &origin.sender, &vote.target, sealed));
    vote.options = options
        .zip(hashes)
        .map(|(options, hashes)| selected(&options, &hashes));
}

/// A poll whose votes are counted.
#[derive(Clone, Copy, Debug)]
pub struct PollToCount<'a> {
    /// Its chat.
    pub chat: &'a ChatId,
    /// The id of its message.
    pub id: &'a MessageId,
    /// Its author, with all known addresses.
    pub author: &'a Contact,
    /// Its options.
    pub options: &'a [String],
}

/// What a message that this device has sent means for a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnVote {
    /// Its content is no longer stored.
    Unknown,
    /// It is no vote in this poll.
    Other,
    /// It is a vote whose key is no longer stored.
    Sealed,
    /// It is a vote for these options.
    For(Vec<String>),
}

/// The vote in a poll that this device has sent under an id. Its content is stored only as it was sent, encrypted.
#[must_use]
pub fn own_vote(store: &Store, poll: PollToCount<'_>, id: &MessageId) -> OwnVote {
    let Some(sent) = own::sent(store, poll.chat, id) else {
        return OwnVote::Unknown;
    };
    let Body::PollVote(vote) = translate::body(&sent, &MessageSource::default()) else {
        return OwnVote::Other;
    };
    if vote.target.message != *poll.id {
        return OwnVote::Other;
    }
    let target = Target {
        author: poll.author.clone(),
        ..vote.target
    };
    let account = store.account().unwrap_or_default();
    let hashes = translate::sealed_vote(&sent)
        .and_then(|sealed| decrypted(store, poll.chat, &account, &target, sealed));
    hashes.map_or(OwnVote::Sealed, |hashes| {
        OwnVote::For(selected(poll.options, &hashes))
    })
}

/// The options with these hashes.
fn selected(options: &[String], hashes: &[Vec<u8>]) -> Vec<String> {
    let is_selected = |option: &&String| {
        let hash = poll::compute_option_hash(option);
        hashes.iter().any(|chosen| chosen[..] == hash)
    };
    options.iter().filter(is_selected).cloned().collect()
}

/// The hashes of the selected options. The key is derived from the addresses of author and voter, both LIDs or both
/// numbers.
fn decrypted(
    store: &Store,
    chat: &ChatId,
    voter: &Contact,
    target: &Target,
    sealed: &wa::message::PollEncValue,
) -> Option<Vec<Vec<u8>>> {
    let sealed = poll::PollVoteCiphertext {
        enc_payload: sealed.enc_payload.as_deref()?,
        enc_iv: sealed.enc_iv.as_deref()?,
    };
    let author = match &target.author {
        // In a one-to-one chat, a poll key without an author refers to a poll of this account.
        author if *author == Contact::default() => store.account()?,
        author => store.resolve_contact(author.clone()),
    };
    let voter = store.resolve_contact(voter.clone());
    let PollKey { secret, .. } = find(store, chat, &author, &target.message)?;
    let id = target.message.as_str();
    let pairs = jids(&author).into_iter().zip(jids(&voter));
    pairs
        .filter_map(|(author, voter)| author.zip(voter))
        .find_map(|(author, voter)| {
            let [author, voter] = [author, voter].map(|jid| jid.to_string());
            poll::decrypt_poll_vote_with_secret(sealed, &secret[..], id, &author, &voter).ok()
        })
}

/// Stores the secret in the library's format, under the same key and for as long as the library does.
fn keep(store: &Store, chat: &Jid, sender: &Jid, id: &str, secret: &[u8; 32], at: i64) {
    let CacheConfig {
        msg_secret_policy: policy,
        msg_secret_retention: retention,
        ..
    } = CacheConfig::default();
    let (class, now) = (RetentionClass::PollEvent, wacore::time::now_secs());
    let until = expires_at(policy, &retention, class, u64::try_from(at).ok(), now);
    let entry = MsgSecretEntry::new(chat, sender, id, *secret, until, at);
    if let Err(error) = store.keep_secret(entry) {
        tracing::warn!(id, %error, "poll secret not stored, its votes cannot be read");
    }
}

//! A file was removed from the media host, and a companion requests it from its phone: the phone uploads it again, to
//! a new path.
//!
//! ```text
//! companion  <receipt type="server-error" id to><encrypt><enc_p/><enc_iv/></encrypt><rmr jid from_me participant?/></receipt>
//! phone      <notification type="mediaretry" id from><rmr …/><encrypt>…</encrypt> or <error code/></notification>
//! ```
//! Both ciphertexts are AES-256-GCM with a key that is derived from the file's media key; the message id is the
//! associated data.

use buffa::Message as _;
use wacore::crypto::hkdf_sha256_into;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use wacore_libsignal::crypto::{aes_256_gcm_decrypt, aes_256_gcm_encrypt};
use waproto::whatsapp as wa;
use waproto::whatsapp::media_retry_notification::ResultType;

use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::phones::media;
use crate::state::answers::Reupload;
use crate::state::queue::{Class, Item};
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

const KEY_INFO: &str = "WhatsApp Media Retry Notification";
/// `<error code>`, as `MediaRetryNotification.ResultType` numbers them.
const GENERAL_ERROR: u16 = 0;
const NOT_FOUND: u16 = 2;
const DECRYPTION_ERROR: u16 = 3;

/// Answers a companion that requests the file of a message again.
pub(crate) fn answer(shared: &Shared, asker: &DeviceId, receipt: &Node) {
    let id = stanza::text(receipt, "id").unwrap_or_default().into_owned();
    let who = verdict::name_of(asker);
    if !is_complete(shared, &who, asker, receipt) {
        return;
    }
    let order = lock(&shared.state).user(&asker.0).answers.reupload;
    let outcome = match order {
        Reupload::Silent => return,
        Reupload::NotFound => Err(NOT_FOUND),
        Reupload::DecryptionError => Err(DECRYPTION_ERROR),
        Reupload::GeneralError => Err(GENERAL_ERROR),
        Reupload::Success => upload_again(shared, &who, asker, &id, receipt),
    };
    let answer = match outcome {
        Ok(encrypted) => encrypted,
        Err(code) => NodeBuilder::new("error").attr("code", code).build(),
    };
    let rmr = receipt.get_optional_child("rmr").cloned();
    let news = NodeBuilder::new("notification")
        .attr("id", id.as_str())
        .attr("type", "mediaretry")
        .attr("from", asker.0.pn())
        .attr("t", crate::clock::unix_now())
        .children(rmr.into_iter().chain([answer]))
        .build();
    let item = Item {
        class: Class::Notification,
        id,
        origin: asker.0.digits().to_owned(),
        node: news,
    };
    deliver(&mut lock(&shared.state), asker, item);
}

/// Checks that the request is complete and addressed to the companion's own phone. A request for a file of the history
/// has no `<rmr>`.
fn is_complete(shared: &Shared, who: &str, asker: &DeviceId, receipt: &Node) -> bool {
    const RULE: &str =
        "a request for a file is encrypted, names the message in rmr, and is sent to the own phone";
    let encrypt = receipt.get_optional_child("encrypt");
    let part = |tag| encrypt.and_then(|encrypt| stanza::child_bytes(encrypt, tag));
    let rmr = receipt.get_optional_child("rmr");
    let named = rmr.is_some_and(|rmr| {
        stanza::jid(rmr, "jid").is_some() && stanza::text(rmr, "from_me").is_some()
    });
    let history = rmr.is_none() && stanza::is(receipt, "category", "peer");
    let to = stanza::jid(receipt, "to").and_then(|to| lock(&shared.state).resolve(&to));
    let own = to.is_some_and(|(number, _)| number == asker.0);
    let complete = part("enc_p").is_some() && part("enc_iv").is_some();
    let detail = format!("{receipt:?}");
    lock(&shared.verdicts).require(who, RULE, complete && own && (named || history), &detail)
}

/// `<encrypt>` with the new path, or an error code.
fn upload_again(
    shared: &Shared,
    who: &str,
    asker: &DeviceId,
    id: &str,
    receipt: &Node,
) -> Result<Node, u16> {
    const RULE: &str = "a request for a file is encrypted with the file's media key";
    let message = lock(&shared.state).user(&asker.0).message(id).cloned();
    let (key, path) = message.as_ref().and_then(media::pointer).ok_or(NOT_FOUND)?;
    let opened = open(&key, id, receipt);
    let detail = format!("message {id}");
    if !lock(&shared.verdicts).require(who, RULE, opened.as_deref() == Some(id), &detail) {
        return Err(DECRYPTION_ERROR);
    }
    let path = lock(&shared.state).media.renew(&path).ok_or(NOT_FOUND)?;
    let news = wa::MediaRetryNotification {
        stanza_id: Some(id.to_owned()),
        direct_path: Some(path),
        result: Some(ResultType::SUCCESS),
        ..Default::default()
    };
    seal(&key, id, &news.encode_to_vec()).ok_or(GENERAL_ERROR)
}

/// The id in a `ServerErrorReceipt`.
fn open(media_key: &[u8], id: &str, receipt: &Node) -> Option<String> {
    let encrypt = receipt.get_optional_child("encrypt")?;
    let iv = stanza::child_array(encrypt, "enc_iv")?;
    let sealed = stanza::child_bytes(encrypt, "enc_p")?;
    let mut plain = Vec::new();
    aes_256_gcm_decrypt(&key(media_key)?, &iv, id.as_bytes(), &sealed, &mut plain).ok()?;
    let receipt = wa::ServerErrorReceipt::decode_from_slice(&plain);
    receipt.ok()?.stanza_id
}

fn seal(media_key: &[u8], id: &str, plain: &[u8]) -> Option<Node> {
    let iv: [u8; 12] = rand::random();
    let mut sealed = Vec::new();
    aes_256_gcm_encrypt(&key(media_key)?, &iv, id.as_bytes(), plain, &mut sealed).ok()?;
    let children = [
        stanza::content("enc_p", sealed),
        stanza::content("enc_iv", iv),
    ];
    Some(NodeBuilder::new("encrypt").children(children).build())
}

fn key(media_key: &[u8]) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hkdf_sha256_into(media_key, None, KEY_INFO.as_bytes(), &mut key).ok()?;
    Some(key)
}

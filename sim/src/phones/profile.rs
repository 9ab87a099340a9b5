//! Profile changes, made on the phone or by a companion, and the notifications: to contacts who may see the change,
//! and to the account's other companions.

use buffa::Message as _;
use bytes::Bytes;
use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;
use waproto::whatsapp as wa;

use crate::clock::unix_now;
use crate::delivery::deliver;
use crate::number::{DeviceId, Number};
use crate::state::State;
use crate::state::media::Full;
use crate::state::profile::Picture;
use crate::state::queue::Item;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::file::{MediaType, Stored, sha256};

/// Uploads a picture, if there is one, to the media host.
fn store(
    shared: &Shared,
    state: &mut State,
    bytes: Option<&Bytes>,
) -> Result<Option<Picture>, Full> {
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    let stored = Stored::Sealed(bytes.clone());
    let kind = MediaType::ProductCatalogImage;
    let limit = shared.config.media_limit;
    let direct_path = state.media.put(stored, kind, sha256(bytes), limit)?;
    state.pictures_made += 1;
    Ok(Some(Picture {
        id: 1_700_000_000 + state.pictures_made,
        direct_path,
        bytes: bytes.clone(),
    }))
}

/// Changes a user's picture, or removes it. Returns its id.
pub(crate) fn set_picture(
    shared: &Shared,
    by: &DeviceId,
    bytes: Option<&Bytes>,
) -> Result<Option<u64>, Full> {
    let number = &by.0;
    let mut state = lock(&shared.state);
    let picture = store(shared, &mut state, bytes)?;
    let id = picture.as_ref().map(|picture| picture.id);
    let news = picture_news(picture.as_ref());
    let news = news.attr("jid", number.pn()).attr("author", number.pn());
    state.user(number).profile.picture = picture;
    notify_others(&mut state, number, "profile", "picture", &news.build());
    let own = NodeBuilder::new("picture").attr("timestamp", unix_now());
    notify_own(&mut state, by, own.build());
    drop(state);
    shared.announce();
    Ok(id)
}

/// Changes a group's picture, or removes it. Returns its id.
pub(crate) fn set_group_picture(
    shared: &Shared,
    group: &str,
    by: &Number,
    bytes: Option<&Bytes>,
) -> Result<Option<u64>, Full> {
    let mut state = lock(&shared.state);
    let picture = store(shared, &mut state, bytes)?;
    let id = picture.as_ref().map(|picture| picture.id);
    let news = picture_news(picture.as_ref());
    let Some(group) = state.groups.get_mut(group) else {
        return Ok(None);
    };
    group.picture = picture;
    let author = group.address(by);
    let news = news.attr("jid", group.jid()).attr("author", author.clone());
    let notification = NodeBuilder::new("notification")
        .attr("from", group.jid())
        .attr("participant", author)
        .children([news.build()]);
    let origin = format!("{}/{}", group.id, by.digits());
    let item = Item::notification("picture", origin, notification);
    let members = group.members.clone();
    for member in &members {
        for companion in state.companions_of(member) {
            deliver(&mut state, &companion, item.clone());
        }
    }
    drop(state);
    shared.announce();
    Ok(id)
}

fn picture_news(picture: Option<&Picture>) -> NodeBuilder {
    match picture {
        Some(picture) => NodeBuilder::new("set")
            .attr("id", picture.id)
            .attr("hash", picture.hash()),
        None => NodeBuilder::new("delete"),
    }
}

/// Changes a user's about text.
pub(crate) fn set_about(shared: &Shared, by: &DeviceId, text: &str) {
    let number = &by.0;
    let mut state = lock(&shared.state);
    state.user(number).profile.about = Some((text.to_owned(), unix_now()));
    let news = NodeBuilder::new("set").string_content(text).build();
    notify_others(&mut state, number, "status", "status", &news);
    notify_own(&mut state, by, NodeBuilder::new("status").build());
    drop(state);
    shared.announce();
}

/// Makes a user a business with this name, or no longer a business.
pub(crate) fn set_business(shared: &Shared, number: &Number, name: Option<&str>) {
    let mut state = lock(&shared.state);
    state.user(number).profile.business = name.map(str::to_owned);
    let news = match name {
        Some(name) => verified_name(name).attr("jid", number.pn()),
        None => NodeBuilder::new("remove").attr("jid", number.pn()),
    };
    // Visible to everyone.
    notify_others(&mut state, number, "business", "business", &news.build());
    drop(state);
    shared.announce();
}

/// `<verified_name>`: a certificate that contains the name.
pub(crate) fn verified_name(name: &str) -> NodeBuilder {
    let details = wa::verified_name_certificate::Details {
        serial: Some(1),
        issuer: Some("smb:wa".to_owned()),
        verified_name: Some(name.to_owned()),
        ..Default::default()
    };
    let certificate = wa::VerifiedNameCertificate {
        details: Some(details.encode_to_vec()),
        signature: Some(vec![7; 64]),
        ..Default::default()
    };
    NodeBuilder::new("verified_name")
        .attr("v", "2")
        .attr("verified_level", "unknown")
        .bytes(certificate.encode_to_vec())
}

/// Changes the default timer of a user's new chats.
pub(crate) fn set_timer(shared: &Shared, by: &DeviceId, seconds: u32) {
    let number = &by.0;
    let now = unix_now();
    let mut state = lock(&shared.state);
    state.user(number).profile.timer = (seconds, now);
    let news = NodeBuilder::new("disappearing_mode")
        .attr("duration", seconds)
        .attr("t", now)
        .build();
    notify_others(&mut state, number, "timer", "disappearing_mode", &news);
    notify_own(&mut state, by, news);
    drop(state);
    shared.announce();
}

/// Changes a privacy setting and its exceptions.
pub(crate) fn set_privacy(
    shared: &Shared,
    by: &DeviceId,
    (name, value): (&'static str, &'static str),
    except: &[(Number, bool)],
) {
    let mut state = lock(&shared.state);
    let profile = &mut state.user(&by.0).profile;
    profile.set(name, value);
    for (who, out) in except {
        profile.set_exception(name, who.clone(), *out);
    }
    let category = NodeBuilder::new("category")
        .attr("name", name)
        .attr("value", value)
        .build();
    let news = NodeBuilder::new("privacy").children([category]).build();
    notify_own(&mut state, by, news);
    drop(state);
    shared.announce();
}

/// Blocks or unblocks a contact.
pub(crate) fn set_blocked(shared: &Shared, by: &DeviceId, contact: &Number, blocked: bool) {
    let mut state = lock(&shared.state);
    let profile = &mut state.user(&by.0).profile;
    let before = profile.blocked_hash();
    profile.block(contact, blocked);
    let item = NodeBuilder::new("item")
        .attr("jid", contact.lid())
        .attr("pn_jid", contact.pn())
        .attr("action", if blocked { "block" } else { "unblock" });
    let news = NodeBuilder::new("blocklist")
        .attr("action", "modify")
        .attr("dhash", profile.blocked_hash())
        .attr("prev_dhash", before)
        .children([item.build()])
        .build();
    notify_own(&mut state, by, news);
    drop(state);
    shared.announce();
}

/// A notification for the companions of all contacts who may see the field of this privacy setting.
fn notify_others(
    state: &mut State,
    number: &Number,
    setting: &str,
    kind: &'static str,
    news: &Node,
) {
    let user = state.user(number);
    let name = user.name.clone();
    let contacts = user
        .correspondents
        .iter()
        .filter(|contact| *contact != number);
    let contacts: Vec<Number> = contacts
        .filter(|contact| user.profile.shows(setting, contact, true))
        .cloned()
        .collect();
    let notification = NodeBuilder::new("notification")
        .attr("from", number.pn())
        .attr("notify", name)
        .children([news.clone()]);
    let item = Item::notification(kind, number.digits().to_owned(), notification);
    for contact in contacts {
        for companion in state.companions_of(&contact) {
            deliver(state, &companion, item.clone());
        }
    }
}

/// `<notification type="account_sync">` for the account's companions, except the one that made the change.
fn notify_own(state: &mut State, by: &DeviceId, news: Node) {
    let notification = NodeBuilder::new("notification")
        .attr("from", by.0.pn())
        .children([news]);
    let item = Item::notification("account_sync", by.0.digits().to_owned(), notification);
    for companion in state.companions_of(&by.0) {
        if companion != *by {
            deliver(state, &companion, item.clone());
        }
    }
}

//! `w:profile:picture`, `status` and `disappearing_mode`: the profile.

use bytes::Bytes;
use wacore_binary::builder::NodeBuilder;
use wacore_binary::{Jid, JidExt as _, Node};

use crate::number::{DeviceId, Number};
use crate::phones::profile;
use crate::rules::iq::question::Question;
use crate::state::State;
use crate::state::media::Full;
use crate::state::profile::Picture;
use crate::state::shared::Shared;
use crate::state::verdict;
use crate::sync::lock;
use crate::wire::stanza;

/// The maximum length of an about text, in characters.
const MAX_ABOUT: usize = 139;
/// The first bytes of a JPEG.
const JPEG: [u8; 2] = [0xFF, 0xD8];

/// Returns, sets or removes a picture.
pub(super) fn picture(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let target = stanza::jid(question.node, "target");
    let outcome = match question.set {
        true => set(shared, id, target.as_ref(), question),
        false => get(shared, id, target.as_ref(), question),
    };
    match outcome {
        Ok(picture) => stanza::result(question.node, picture),
        Err((code, text)) => stanza::error(question.node, code, text),
    }
}

type Outcome = Result<Option<Node>, (u16, &'static str)>;

const NOT_FOUND: (u16, &str) = (404, "item-not-found");
const NOT_AUTHORIZED: (u16, &str) = (401, "not-authorized");
const BAD_REQUEST: (u16, &str) = (400, "bad-request");
const NOT_ACCEPTABLE: (u16, &str) = (406, "not-acceptable");

fn get(shared: &Shared, id: &DeviceId, target: Option<&Jid>, question: &Question<'_>) -> Outcome {
    const RULE: &str = "a picture request has the type image or preview";
    let asked = question.child.filter(|child| child.tag == "picture");
    let kind = asked.and_then(|asked| stanza::text(asked, "type"));
    let kind = kind.filter(|kind| matches!(kind.as_ref(), "image" | "preview"));
    let kept = kind.is_some();
    let detail = format!("{:?}", question.child);
    lock(&shared.verdicts).require(&verdict::name_of(id), RULE, kept, &detail);
    let (Some(asked), Some(kind)) = (asked, kind) else {
        return Err(BAD_REQUEST);
    };
    let picture = find(&mut lock(&shared.state), &id.0, target)?;
    let known = stanza::text(asked, "id").is_some_and(|id| id == picture.id.to_string());
    if known {
        return Ok(None);
    }
    let node = NodeBuilder::new("picture")
        .attr("id", picture.id)
        .attr("type", kind.as_ref());
    Ok(Some(match stanza::is(asked, "query", "url") {
        true => {
            let host = shared.config.media_listen;
            node.attr("url", format!("https://{host}{}", picture.direct_path))
                .attr("direct_path", picture.direct_path.as_str())
                .attr("hash", picture.hash())
                .build()
        }
        false => node.bytes(picture.bytes.to_vec()).build(),
    }))
}

/// The picture of a person or a group, if this account may see it.
fn find(
    state: &mut State,
    asker: &Number,
    target: Option<&Jid>,
) -> Result<Picture, (u16, &'static str)> {
    let picture = match target {
        Some(group) if group.is_group() => {
            let group = state.groups.get(group.user.as_str()).ok_or(NOT_FOUND)?;
            if !group.has(asker) {
                return Err(NOT_AUTHORIZED);
            }
            group.picture.clone()
        }
        Some(jid) => {
            let (number, _) = state.resolve(jid).ok_or(NOT_FOUND)?;
            if !state.user(&number).shows("profile", &number, asker) {
                return Err(NOT_AUTHORIZED);
            }
            state.user(&number).profile.picture.clone()
        }
        None => state.user(asker).profile.picture.clone(),
    };
    picture.ok_or(NOT_FOUND)
}

fn set(shared: &Shared, id: &DeviceId, target: Option<&Jid>, question: &Question<'_>) -> Outcome {
    const RULE: &str = "a profile picture is a JPEG";
    let pictures = stanza::children(question.node).iter();
    let mut pictures = pictures.filter(|child| child.tag == "picture");
    let image = pictures.find(|picture| !stanza::is(picture, "type", "preview"));
    let bytes = image.map(|image| stanza::bytes(image).unwrap_or_default().into_owned());
    if let Some(bytes) = &bytes {
        let kept = bytes.starts_with(&JPEG);
        let detail = format!("{} bytes", bytes.len());
        if !lock(&shared.verdicts).require(&verdict::name_of(id), RULE, kept, &detail) {
            return Err(NOT_ACCEPTABLE);
        }
    }
    let bytes = bytes.map(Bytes::from);
    let set = match target.filter(|target| target.is_group()) {
        Some(group) => {
            may_change(&lock(&shared.state), group, &id.0)?;
            profile::set_group_picture(shared, &group.user, &id.0, bytes.as_ref())
        }
        None => profile::set_picture(shared, id, bytes.as_ref()),
    };
    let id = set.map_err(|Full| (500, "internal-server-error"))?;
    Ok(id.map(|id| NodeBuilder::new("picture").attr("id", id).build()))
}

fn may_change(state: &State, group: &Jid, who: &Number) -> Result<(), (u16, &'static str)> {
    let group = state.groups.get(group.user.as_str()).ok_or(NOT_FOUND)?;
    let may = group.has(who) && (!group.settings.locked || group.admins.contains(who));
    may.then_some(()).ok_or((403, "forbidden"))
}

/// `<status>`: the account's about text.
pub(super) fn about(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    const RULE: &str = "an about text has at most 139 characters";
    let text = question.child.filter(|child| child.tag == "status");
    let text = text.and_then(stanza::bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let length = text.chars().count();
    let detail = format!("{length} characters");
    if !lock(&shared.verdicts).require(&verdict::name_of(id), RULE, length <= MAX_ABOUT, &detail) {
        return stanza::error(question.node, NOT_ACCEPTABLE.0, NOT_ACCEPTABLE.1);
    }
    profile::set_about(shared, id, &text);
    stanza::result(question.node, [])
}

/// `<disappearing_mode>`: the default timer of the account's new chats.
pub(super) fn timer(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let duration = question
        .child
        .and_then(|child| stanza::text(child, "duration"));
    match duration.and_then(|text| text.parse().ok()) {
        Some(seconds) => {
            profile::set_timer(shared, id, seconds);
            stanza::result(question.node, [])
        }
        None => stanza::error(question.node, BAD_REQUEST.0, BAD_REQUEST.1),
    }
}

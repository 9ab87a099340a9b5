//! Whom a text names: in the file, in the environment, and when somebody is added.

use crate::allow::policy::Who;
use crate::model::{Lid, Phone};

/// Whom a text names, or why nobody.
pub fn person(text: &str) -> Result<Who, &'static str> {
    if text == "*" {
        return Ok(Who::Anyone);
    }
    if let Some(user) = text.strip_suffix("@lid") {
        return Lid::new(user)
            .map(Who::Lid)
            .ok_or("a LID is digits before @lid");
    }
    if text.ends_with("@g.us") {
        return Err("a group is named under groups, not here");
    }
    let number = text.strip_prefix("whatsapp:").unwrap_or(text);
    if !number.starts_with('+') {
        return Err("a number begins with + and its country code");
    }
    number
        .parse::<Phone>()
        .map(Who::Phone)
        .map_err(|_| "not a phone number: that is + and 7 to 15 digits, with the country code")
}

/// Which group a text names.
#[must_use]
pub fn group(text: &str) -> Option<Who> {
    if text == "*" {
        return Some(Who::Anyone);
    }
    let user = text.strip_suffix("@g.us")?;
    let valid =
        (5..=64).contains(&user.len()) && user.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    valid.then(|| Who::Group(text.to_owned()))
}

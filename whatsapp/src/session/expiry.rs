//! The date from which WhatsApp refuses this version of the client: `<ib><client_expiration t/></ib>`.
//!
//! The server announces it days ahead, and withdraws the announcement with a stanza without `t` (WhatsApp Web's
//! `parseClientExpirationRequest`). whatsapp-rust 0.7.0 ignores the stanza (it reads it since #1314). The announcement concerns
//! the version, not this connection.

use std::time::SystemTime;

use whatsapp_rust::OwnedNodeRef;

use super::time::date;

/// The announced date, or `Some(None)` if the announcement is withdrawn. `None` for any other stanza, or an invalid date.
pub(super) fn announced(stanza: &OwnedNodeRef) -> Option<Option<SystemTime>> {
    let announcement = match stanza.tag() {
        "ib" => stanza.get_optional_child("client_expiration")?,
        _ => return None,
    };
    let Some(seconds) = announcement.get_attr("t") else {
        return Some(None);
    };
    date(seconds.as_str().parse().ok()?).map(Some)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use whatsapp_rust::NodeBuilder;
    use whatsapp_rust::wacore_binary::marshal::marshal;

    use super::*;

    fn of(tag: &'static str, t: Option<&str>) -> Option<Option<SystemTime>> {
        let mut announcement = NodeBuilder::new("client_expiration");
        if let Some(t) = t {
            announcement = announcement.attr("t", t);
        }
        let node = NodeBuilder::new(tag).children([announcement.build()]);
        let packed = marshal(&node.build()).unwrap().split_off(1);
        announced(&OwnedNodeRef::new(packed).unwrap())
    }

    #[test]
    fn a_date_is_announced_and_withdrawn_and_invalid_ones_are_ignored() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_900_000_000);
        assert_eq!(of("ib", Some("1900000000")), Some(Some(at)));
        assert_eq!(of("ib", None), Some(None));
        for t in [
            "",
            "0",
            "-1",
            "soon",
            "253402300800",
            "18446744073709551616",
        ] {
            assert_eq!(of("ib", Some(t)), None, "{t}");
        }
        assert_eq!(of("notification", Some("1900000000")), None);
    }
}

//! Addresses of resources: `openclaw://message/SEQ` and `openclaw://message/SEQ/media`.

/// Of messages, as JSON.
pub(super) const MESSAGE_TEMPLATE: &str = "openclaw://message/{seq}";
/// Of the files in messages.
pub(super) const MEDIA_TEMPLATE: &str = "openclaw://message/{seq}/media";

const PREFIX: &str = "openclaw://message/";

/// A resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The message of this event.
    Message(u64),
    /// The file in it.
    Media(u64),
}

impl Place {
    /// Parses an address.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix(PREFIX)?;
        let (seq, is_media) = match rest.strip_suffix("/media") {
            Some(seq) => (seq, true),
            None => (rest, false),
        };
        let seq = seq
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(seq)?;
        let seq = seq.parse().ok()?;
        Some(if is_media {
            Self::Media(seq)
        } else {
            Self::Message(seq)
        })
    }
}

/// The address of the file in a message.
pub(super) fn media(seq: u64) -> String {
    format!("{PREFIX}{seq}/media")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_seq_and_nothing_else() {
        assert_eq!(
            Place::parse("openclaw://message/17"),
            Some(Place::Message(17))
        );
        assert_eq!(Place::parse(&media(17)), Some(Place::Media(17)));
        for wrong in [
            "openclaw://message/",
            "openclaw://message/-1",
            "openclaw://message/+1",
            "openclaw://message/1/media/",
            "openclaw://message/1/other",
            "openclaw://message/99999999999999999999",
            "openclaw://chat/1",
            "file:///etc/passwd",
        ] {
            assert_eq!(Place::parse(wrong), None, "{wrong}");
        }
    }
}

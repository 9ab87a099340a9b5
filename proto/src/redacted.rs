//! `Debug` for messages that carry credentials, text, names or phone numbers: the type's name and nothing else, so that a
//! stray `{:?}` in a log or a panic cannot show them. Every message is of these unless tests/generated lists it.

use crate::v1;

include!("gen/redacted.rs");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_credential_text_or_number() {
        let qr = v1::QrCode {
            payload: "2@swordfish".into(),
            ..Default::default()
        };
        let frame = v1::PairFrame {
            frame: Some(v1::pair_frame::Frame::Qr(qr)),
        };
        let text = v1::Text {
            body: "swordfish".into(),
            ..Default::default()
        };
        let content = v1::Content {
            kind: Some(v1::content::Kind::Text(text)),
            ..Default::default()
        };
        let send = v1::SendRequest {
            to: "+15550100123".into(),
            payload: Some(v1::send_request::Payload::Content(content)),
            ..Default::default()
        };
        let backup = v1::BackupRequest {
            secret: Some(v1::Secret {
                form: Some(v1::secret::Form::Passphrase("swordfish".into())),
            }),
        };
        let watch = v1::WatchEventsRequest {
            filter: Some(v1::EventFilter {
                chats: vec!["+15550100123".into()],
                ..Default::default()
            }),
            ..Default::default()
        };
        for shown in [
            format!("{frame:?}"),
            format!("{:?}", frame.frame),
            format!("{send:?}"),
            format!("{:?}", send.payload),
            format!("{:?}", backup.secret.unwrap().form),
            format!("{watch:?}"),
        ] {
            assert!(
                !shown.contains("swordfish") && !shown.contains("0100"),
                "{shown}"
            );
        }
    }
}

//! `Debug` for messages that carry credentials, text or phone numbers: the type's name and nothing
//! else, so that a stray `{:?}` in a log or a panic cannot tell them.

use std::fmt;

use crate::v1;

macro_rules! redacted {
    ($($message:ident),+ $(,)?) => {$(
        impl fmt::Debug for v1::$message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($message)).finish_non_exhaustive()
            }
        }
    )+};
}

redacted!(
    AddAllowedRequest,
    Allowed,
    BackupResponse,
    Cards,
    Contact,
    Deletion,
    DiagnoseRequest,
    Dropped,
    Edit,
    InviteClientResponse,
    LinkStatus,
    Linked,
    Lost,
    Media,
    Message,
    PasskeyChallenge,
    PhoneCode,
    PhoneCodeMethod,
    Place,
    Poll,
    QrCode,
    QueuedMessage,
    Quoted,
    Reaction,
    Receipt,
    Rejected,
    RemoveAllowedRequest,
    RestoreRequest,
    RestoreResponse,
    Secret,
    SendOutcome,
    SendRequest,
    Undecryptable,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_tells_no_credential_text_or_number() {
        let qr = v1::QrCode {
            payload: "2@swordfish".into(),
            ..Default::default()
        };
        let frame = v1::PairFrame {
            frame: Some(v1::pair_frame::Frame::Qr(qr)),
        };
        let send = v1::SendRequest {
            to: "+15550100123".into(),
            text: "swordfish".into(),
            ..Default::default()
        };
        let backup = v1::BackupRequest {
            secret: Some(v1::Secret {
                secret: Some(v1::secret::Secret::Passphrase("swordfish".into())),
            }),
        };
        for shown in [
            format!("{frame:?}"),
            format!("{send:?}"),
            format!("{backup:?}"),
        ] {
            assert!(
                !shown.contains("swordfish") && !shown.contains("0100"),
                "{shown}"
            );
        }
    }
}

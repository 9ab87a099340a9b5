//! One request to one authenticator, whichever way leads to it.

use libwebauthn::UvUpdate;
use libwebauthn::ops::webauthn::{GetAssertionRequest, JsonFormat, WebAuthnIDLResponse as _};
use libwebauthn::proto::CtapError;
use libwebauthn::transport::Channel;
use libwebauthn::transport::hybrid::channel::{HybridUxUpdate, PxpUpdate};
use libwebauthn::webauthn::error::PlatformError;
use libwebauthn::webauthn::{WebAuthn as _, WebAuthnError};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::terminal::{ask_hidden, note};

/// What an authenticator reports while it works.
pub trait Update: Clone + Send {
    /// What it wants of the person, if it is that; else it is shown.
    fn wanted(self) -> Option<UvUpdate>;
}

impl Update for UvUpdate {
    fn wanted(self) -> Option<UvUpdate> {
        Some(self)
    }
}

impl Update for HybridUxUpdate {
    fn wanted(self) -> Option<UvUpdate> {
        let text = match self {
            // The phone itself asks for a touch.
            Self::UvUpdate(UvUpdate::PresenceRequired) => return None,
            Self::UvUpdate(update) => return Some(update),
            Self::PxpUpdate(PxpUpdate::Connecting) => "The phone is near; connecting to it.",
            Self::PxpUpdate(PxpUpdate::Connected) => "Connected: use the passkey on the phone.",
            Self::PxpUpdate(_) => return None,
        };
        note(text);
        None
    }
}

/// The assertion's JSON, from this authenticator; its person is guided.
///
/// # Errors
/// Why there is none, for a person.
pub async fn assertion<C>(channel: &mut C, request: &GetAssertionRequest) -> Result<String, String>
where
    C: Channel,
    C::UxUpdate: Update,
{
    let guide = guide(channel.get_ux_update_receiver());
    let work = async {
        loop {
            match channel.webauthn_get_assertion(request).await {
                Err(WebAuthnError::Ctap(error)) if error.is_retryable_user_error() => {
                    note(&format!("Again, please: {}", why(&error)));
                }
                made => return made,
            }
        }
    };
    let made = tokio::select! {
        made = work => made,
        never = guide => match never {},
    };
    let made = made.map_err(|error| match error {
        WebAuthnError::Ctap(error) => why(&error),
        WebAuthnError::Platform(PlatformError::Cancelled) => why(&CtapError::PINRequired),
        error => error.to_string(),
    })?;
    if made.assertions.len() > 1 {
        note("It has passkeys of several accounts; the newest was used.");
    }
    let newest = made.assertions.first().ok_or("it returned no assertion")?;
    let json = newest.to_json_string(request, JsonFormat::Minified);
    json.map_err(|_| "its assertion is invalid".to_owned())
}

fn why(error: &CtapError) -> String {
    match error {
        CtapError::NoCredentials => "it has no passkey of WhatsApp".to_owned(),
        CtapError::PINRequired => "no PIN was entered".to_owned(),
        CtapError::PINInvalid => "the PIN is wrong".to_owned(),
        CtapError::UserActionTimeout => "it was not touched in time".to_owned(),
        CtapError::OperationDenied => "it was declined".to_owned(),
        error => error.to_string(),
    }
}

async fn guide<U: Update>(mut updates: Receiver<U>) -> std::convert::Infallible {
    loop {
        match updates.recv().await {
            Ok(update) => {
                if let Some(wanted) = update.wanted() {
                    put(wanted).await;
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

async fn put(wanted: UvUpdate) {
    match wanted {
        UvUpdate::PresenceRequired => note("Touch the security key."),
        UvUpdate::UvRetry { .. } => note("The fingerprint was not recognised."),
        UvUpdate::PinRequired(asked) => {
            let left = asked
                .attempts_left
                .map_or(String::new(), |left| format!(", {left} attempts left"));
            let question = format!("PIN of the security key (empty: do not use it{left}): ");
            match ask_hidden(&question).await {
                // Fails only if the request has ended.
                Some(pin) => drop(asked.send_pin(&pin)),
                None => asked.cancel(),
            }
        }
        // A PIN that is set here would be one that no one has decided on.
        UvUpdate::PinNotSet(asked) => {
            note("The security key has no PIN. Set one with its own program, then pair again.");
            asked.cancel();
        }
    }
}

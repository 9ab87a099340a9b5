//! An assertion of the account's passkey, as a browser on WhatsApp Web's site makes it.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::{Deserialize, Serialize};
// The site that WhatsApp's passkeys are made for. A browser writes it into the assertion.
use whatsapp_rust::wacore::net::WHATSAPP_WEB_ORIGIN as ORIGIN;

/// The maximum size of an assertion's JSON. A browser's has less than 2 KiB.
const MAX_ASSERTION_BYTES: usize = 64 << 10;

/// Authenticator data has a hash, flags and a counter.
const MIN_AUTHENTICATOR_DATA_BYTES: usize = 32 + 1 + 4;

/// Base64url with or without padding.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An assertion. It is a credential while its ceremony lasts, and so has neither `Debug` nor `Clone`.
pub struct Assertion {
    /// In WhatsApp Web's form.
    pub(super) json: Vec<u8>,
    pub(super) credential: Vec<u8>,
    /// The challenge that it answers.
    challenge: Vec<u8>,
}

/// Why a text is not an assertion. Contains nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// More than 64 KiB.
    #[error("the assertion is longer than 64 KiB")]
    TooLong,
    /// Not JSON, or without one of the parts.
    #[error("this is not the JSON of an assertion: it has to have id, rawId, type and response")]
    NotJson,
    /// Not `public-key`.
    #[error("the assertion's type is not \"public-key\"")]
    Type,
    /// The named part is empty, or not base64url.
    #[error("the assertion's {0} is not base64url")]
    Base64(&'static str),
    /// `id` and `rawId` differ.
    #[error("the assertion's id and rawId differ")]
    Ids,
    /// Too short.
    #[error("the assertion's authenticatorData is too short")]
    AuthenticatorData,
    /// Not the client data of an assertion.
    #[error("the assertion's clientDataJSON is not that of navigator.credentials.get")]
    ClientData,
    /// Made on another site.
    #[error("the assertion was not made on https://web.whatsapp.com: run the snippet there")]
    Origin,
}

#[derive(Serialize, Deserialize)]
struct Json {
    id: String,
    #[serde(rename = "rawId")]
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: Response,
}

#[derive(Serialize, Deserialize)]
struct Response {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    #[serde(rename = "authenticatorData")]
    authenticator_data: String,
    signature: String,
    #[serde(rename = "userHandle", default)]
    user_handle: Option<String>,
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

impl Assertion {
    /// Parses the JSON of an assertion: `{id, rawId, type, response: {clientDataJSON, authenticatorData, signature,
    /// userHandle}}`, each binary part in base64url.
    ///
    /// # Errors
    /// The first part that is invalid.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        if text.len() > MAX_ASSERTION_BYTES {
            return Err(AssertionError::TooLong);
        }
        let mut json: Json = serde_json::from_str(text).map_err(|_| AssertionError::NotJson)?;
        if json.kind != "public-key" {
            return Err(AssertionError::Type);
        }
        let credential = canonical(&mut json.raw_id, "rawId")?;
        if canonical(&mut json.id, "id")? != credential {
            return Err(AssertionError::Ids);
        }
        let Response {
            client_data,
            authenticator_data,
            signature,
            user_handle,
        } = &mut json.response;
        let client_data = canonical(client_data, "clientDataJSON")?;
        let authenticator_data = canonical(authenticator_data, "authenticatorData")?;
        if authenticator_data.len() < MIN_AUTHENTICATOR_DATA_BYTES {
            return Err(AssertionError::AuthenticatorData);
        }
        canonical(signature, "signature")?;
        // A browser writes null, or an empty text, for none.
        if user_handle.as_ref().is_some_and(String::is_empty) {
            *user_handle = None;
        }
        if let Some(user_handle) = user_handle {
            canonical(user_handle, "userHandle")?;
        }
        let challenge = challenge(&client_data)?;
        let json = serde_json::to_vec(&json).map_err(|_| AssertionError::NotJson)?;
        Ok(Self {
            json,
            credential,
            challenge,
        })
    }

    /// Whether it answers the request with this challenge.
    pub(super) fn answers(&self, challenge: &[u8]) -> bool {
        self.challenge == challenge
    }
}

/// Decodes a challenge.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64URL.decode(text).ok()?;
    (!bytes.is_empty()).then_some(bytes)
}

/// Decodes a part, and removes its padding.
fn canonical(text: &mut String, name: &'static str) -> Result<Vec<u8>, AssertionError> {
    let bytes = decode(text).ok_or(AssertionError::Base64(name))?;
    *text = BASE64URL.encode(&bytes);
    Ok(bytes)
}

/// The challenge in the client data, which a browser has written and the passkey has signed.
fn challenge(client_data: &[u8]) -> Result<Vec<u8>, AssertionError> {
    let client_data: ClientData =
        serde_json::from_slice(client_data).map_err(|_| AssertionError::ClientData)?;
    if client_data.kind != "webauthn.get" {
        return Err(AssertionError::ClientData);
    }
    if client_data.origin != ORIGIN || client_data.cross_origin {
        return Err(AssertionError::Origin);
    }
    decode(&client_data.challenge).ok_or(AssertionError::ClientData)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn client_data() -> Value {
        json!({ "type": "webauthn.get", "challenge": "Y2hhbGxlbmdl", "origin": ORIGIN, "crossOrigin": false })
    }

    fn assertion(client_data: &Value) -> Value {
        json!({
            "id": "Y3JlZA", "rawId": "Y3JlZA", "type": "public-key",
            "response": {
                "clientDataJSON": BASE64URL.encode(client_data.to_string()),
                "authenticatorData": BASE64URL.encode([7; MIN_AUTHENTICATOR_DATA_BYTES]),
                "signature": "c2lnbmF0dXJl",
                "userHandle": null,
            },
        })
    }

    /// An assertion for this challenge.
    pub(in super::super) fn answering(challenge: &str) -> Assertion {
        let mut data = client_data();
        data["challenge"] = challenge.into();
        Assertion::parse(&assertion(&data).to_string()).unwrap()
    }

    fn error(value: &Value) -> AssertionError {
        Assertion::parse(&value.to_string()).err().unwrap()
    }

    #[test]
    fn whatsapp_web_s_form_is_kept_and_nothing_else() {
        let mut given = assertion(&client_data());
        let expected: Value = given.clone();
        given["authenticatorAttachment"] = "platform".into();
        given["clientExtensionResults"] = json!({ "uvm": [] });
        given["rawId"] = "Y3JlZA==".into();
        let parsed = Assertion::parse(&format!("  {given}\n")).unwrap();
        let kept: Value = serde_json::from_slice(&parsed.json).unwrap();
        assert_eq!(kept, expected);
        assert_eq!(parsed.credential, b"cred");
        assert!(parsed.answers(b"challenge") && !parsed.answers(b"other"));
    }

    #[test]
    fn each_invalid_part_is_named() {
        let spoilt = |path: &str, value: Value| {
            let mut given = assertion(&client_data());
            *given.pointer_mut(path).unwrap() = value;
            error(&given)
        };
        assert_eq!(spoilt("/type", "password".into()), AssertionError::Type);
        assert_eq!(spoilt("/id", "b3RoZXI".into()), AssertionError::Ids);
        assert_eq!(spoilt("/rawId", "".into()), AssertionError::Base64("rawId"));
        for part in [
            "clientDataJSON",
            "authenticatorData",
            "signature",
            "userHandle",
        ] {
            let path = format!("/response/{part}");
            for invalid in ["+/==", "a b", "ä", "A"] {
                assert_eq!(spoilt(&path, invalid.into()), AssertionError::Base64(part));
            }
        }
        let short = spoilt("/response/authenticatorData", "AAAA".into());
        assert_eq!(short, AssertionError::AuthenticatorData);
        assert_eq!(spoilt("/response", json!([])), AssertionError::NotJson);
        assert_eq!(spoilt("/id", 7.into()), AssertionError::NotJson);
    }

    #[test]
    fn the_client_data_is_of_an_assertion_on_whatsapp_web() {
        for (field, value, expected) in [
            ("type", json!("webauthn.create"), AssertionError::ClientData),
            (
                "origin",
                json!("https://web.whatsapp.com.example"),
                AssertionError::Origin,
            ),
            (
                "origin",
                json!("http://web.whatsapp.com"),
                AssertionError::Origin,
            ),
            ("crossOrigin", json!(true), AssertionError::Origin),
            ("challenge", json!(""), AssertionError::ClientData),
            ("challenge", json!(7), AssertionError::ClientData),
        ] {
            let mut data = client_data();
            data[field] = value;
            assert_eq!(error(&assertion(&data)), expected, "{field}");
        }
        let mut given = assertion(&client_data());
        given["response"]["clientDataJSON"] = "bm90IEpTT04".into();
        assert_eq!(error(&given), AssertionError::ClientData);
    }

    #[test]
    fn what_is_no_assertion_is_refused_without_a_trace_of_it() {
        let long = " ".repeat(MAX_ASSERTION_BYTES + 1);
        let deep = "[".repeat(MAX_ASSERTION_BYTES);
        let whole = assertion(&client_data()).to_string();
        assert!(matches!(
            Assertion::parse(&long),
            Err(AssertionError::TooLong)
        ));
        for text in ["", "null", "{}", "[]", "cormorant", deep.as_str()] {
            let error = Assertion::parse(text).err().unwrap();
            assert_eq!(error, AssertionError::NotJson);
            assert!(!format!("{error} {error:?}").contains("cormorant"));
        }
        for end in 0..whole.len() {
            assert!(Assertion::parse(&whole[..end]).is_err(), "{end}");
        }
    }
}

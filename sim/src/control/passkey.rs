//! Passkeys over HTTP: an account that requires one, its authenticator, and the person at its phone.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::failure::Failure;
use super::record::Account;
use super::request::{Body, E164, Params};
use crate::signal::webauthn::{Credential, Forgery};
use crate::sim::Sim;
use crate::sim::passkey::Passkeys;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registered {
    /// Base64url, as all bytes in WebAuthn.
    id: String,
    public_key: String,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Register {
    account: E164,
    #[serde(default = "yes")]
    required: bool,
    credential: Option<Registered>,
    #[serde(default = "yes")]
    brings_options: bool,
    #[serde(default)]
    confirms: bool,
    timeout: Option<u64>,
}

pub(super) async fn register(
    State(sim): State<Arc<Sim>>,
    Body(Register {
        account,
        required,
        credential,
        brings_options,
        confirms,
        timeout,
    }): Body<Register>,
) -> Result<Json<Value>, Failure> {
    let phone = sim.phone(&account)?;
    if !required {
        phone.forget_passkey();
        return Ok(Json(json!({})));
    }
    let credential = credential.as_ref().map(read).transpose()?;
    let default = Passkeys::default();
    let registered = phone.require_passkey(Passkeys {
        credential,
        brings_options,
        confirms,
        timeout: timeout.map_or(default.timeout, Duration::from_secs),
    })?;
    Ok(Json(json!({ "credential": {
        "id": URL_SAFE_NO_PAD.encode(registered.id),
        "public_key": URL_SAFE_NO_PAD.encode(registered.public_key),
    } })))
}

fn read(registered: &Registered) -> Result<Credential, Failure> {
    const HINT: &str = "`id` and `public_key` are base64url; the key is a P-256 point of 65 bytes";
    let decode = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('='));
        bytes.map_err(|_| Failure::bad_request("the credential is not base64url", HINT))
    };
    let credential = Credential {
        id: decode(&registered.id)?,
        public_key: decode(&registered.public_key)?,
    };
    let point = credential.public_key.len() == 65 && credential.public_key[0] == 4;
    match point {
        true => Ok(credential),
        false => Err(Failure::bad_request(
            "the public key is not an uncompressed point",
            HINT,
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assert {
    account: E164,
    /// The options, as JSON or as a string that contains JSON.
    options: Value,
    #[serde(default)]
    forgery: Forgery,
}

pub(super) async fn assert(
    State(sim): State<Arc<Sim>>,
    Body(Assert {
        account,
        options,
        forgery,
    }): Body<Assert>,
) -> Result<Json<Value>, Failure> {
    let options = match &options {
        Value::String(text) => serde_json::from_str(text).map_err(|error| {
            let error = format!("options: {error}");
            Failure::bad_request(error, "send the request options that the client received")
        })?,
        _ => options,
    };
    let phone = account.of(&sim)?;
    Ok(Json(phone.assert_passkey(&options, &forgery)?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    account: E164,
    code: String,
}

pub(super) async fn confirm(
    State(sim): State<Arc<Sim>>,
    Body(Confirm { account, code }): Body<Confirm>,
) -> Result<Json<Value>, Failure> {
    account.of(&sim)?.confirm_passkey(&code)?;
    Ok(Json(json!({})))
}

pub(super) async fn refuse(
    State(sim): State<Arc<Sim>>,
    Body(Account { account }): Body<Account>,
) -> Result<Json<Value>, Failure> {
    account.of(&sim)?.refuse_passkey()?;
    Ok(Json(json!({})))
}

pub(super) async fn ceremony(
    State(sim): State<Arc<Sim>>,
    Params(Account { account }): Params<Account>,
) -> Result<Json<Value>, Failure> {
    let seen = account.of(&sim)?.passkey_ceremony();
    Ok(Json(json!({ "ceremony": seen })))
}

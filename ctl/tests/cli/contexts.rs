//! Contexts that exist before the binary starts, and those that it leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use openclaw_trust::Identity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::script::base64;
use crate::scripted_agent::Listener;

/// A context for the scripted agent by default.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Context {
    /// Another endpoint than that of the scripted agent.
    endpoint: Option<String>,
    /// The agent does not know its key.
    unknown: bool,
    /// Its pinned key is that of another agent.
    other_agent: bool,
    /// It is the current one.
    current: bool,
    /// The mode of its file.
    mode: Option<u32>,
}

/// Writes it to `config` in the binary's format.
pub(crate) fn write(config: &Path, name: &str, context: &Context, listener: Option<&Listener>) {
    let identity = Identity::generate().unwrap();
    let other = Identity::generate().unwrap();
    let agent = match listener {
        Some(listener) if !context.other_agent => &listener.identity,
        _ => &other,
    };
    if let (Some(listener), false) = (listener, context.unknown) {
        listener.known.add(identity.fingerprint());
    }
    let endpoint = match (&context.endpoint, listener) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, listener) => listener.expect("an agent over TCP").endpoint.clone(),
    };
    let file = json!({
        "version": 1,
        "endpoint": endpoint,
        "enrolled": {
            "agent": agent.fingerprint().to_string(),
            "agent_certificate": base64(agent.certificate_der()),
            "client": "laptop",
            "role": "admin",
            "at": "2026-01-02T03:04:05Z",
        },
        "certificate": base64(identity.certificate_der()),
        "key": base64(identity.key_der()),
    });
    let folder = config.join("openclaw/contexts");
    fs::create_dir_all(&folder).unwrap();
    put(
        &folder.join(format!("{name}.json")),
        &file.to_string(),
        context.mode,
    );
    if context.current {
        put(&config.join("openclaw/current"), name, None);
    }
}

fn put(path: &Path, text: &str, mode: Option<u32>) {
    fs::write(path, text).unwrap();
    let mode = fs::Permissions::from_mode(mode.unwrap_or(0o600));
    fs::set_permissions(path, mode).unwrap();
}

/// The content of a context's file, without random parts.
pub(crate) fn summary(path: &Path, text: &str) -> Option<String> {
    let file: Value = serde_json::from_str(text).ok()?;
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let endpoint = file.get("endpoint")?.as_str()?;
    let who = match file.get("enrolled") {
        Some(enrolled) => format!(
            "{} ({})",
            enrolled["client"].as_str()?,
            enrolled["role"].as_str()?
        ),
        None => "a key".to_owned(),
    };
    file.get("key")?.as_str()?;
    Some(format!("{who} at {endpoint}, {mode:o}"))
}

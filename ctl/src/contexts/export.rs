//! Exports the keys of a context as PEM files, for other gRPC clients.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use openclaw_trust::{certificate_pem, tls::SERVER_NAME};
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::pair::{is_special, special};
use crate::{console, private_file, text};

/// The files, with the key last: without it, the others are harmless.
const NAMES: [&str; 3] = ["agent.pem", "client.pem", "client-key.pem"];

#[derive(Serialize)]
struct Json {
    endpoint: String,
    server_name: &'static str,
    agent: String,
    certificate: String,
    key: String,
}

/// Writes agent.pem, client.pem and client-key.pem to `dir`, readable by their owner only. Existing files probably
/// belong to another key, and are only replaced with `force`.
pub(super) fn export(
    context: &Context,
    dir: &Path,
    force: bool,
    json: bool,
) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| broken(dir, &error))?;
    for name in NAMES {
        let path = dir.join(name);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if is_special(&found) => return Err(special(&path)),
            Ok(_) if !force => {
                let shown = text::one_line(&path.to_string_lossy());
                return Err(Failure::usage(format!("{shown} exists already"))
                    .with_reason("FILE_EXISTS")
                    .with_hint("name another directory, or replace the files with --force"));
            }
            _ => {}
        }
    }
    let put = |name: &str, content: &str| -> Result<PathBuf, Failure> {
        let path = dir.join(name);
        let done = private_file::replace_durably(&path, content.as_bytes());
        done.map_err(|error| broken(&path, &error))?;
        Ok(path)
    };
    let [agent, client, key] = NAMES;
    let agent = put(agent, &certificate_pem(&context.agent().certificate))?;
    let certificate = put(client, &context.identity().certificate_pem())?;
    let key = put(key, &context.identity().key_pem())?;
    if json {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        console::report_json(&Json {
            endpoint: context.endpoint().to_string(),
            server_name: SERVER_NAME,
            agent: shown(&agent),
            certificate: shown(&certificate),
            key: shown(&key),
        });
        return Ok(());
    }
    for path in [&agent, &certificate, &key] {
        console::report(&text::one_line(&path.to_string_lossy()));
    }
    console::note(&format!(
        "note: anyone with client-key.pem is \"{}\" to {}; the name in the agent's certificate is {SERVER_NAME}",
        text::one_line(context.client()),
        context.endpoint()
    ));
    Ok(())
}

fn broken(path: &Path, error: &io::Error) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::new(format!("cannot write {shown}: {error}"))
}

//! The keys of a context as PEM files, for programs that speak gRPC themselves.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use openclaw_trust::{certificate_pem, tls::SERVER_NAME};
use serde::Serialize;

use super::Context;
use crate::failure::Failure;
use crate::{console, private_file, text};

#[derive(Serialize)]
struct Json {
    endpoint: String,
    server_name: &'static str,
    agent: String,
    certificate: String,
    key: String,
}

/// Writes agent.pem, client.pem and client-key.pem to `dir`, readable by their owner alone.
pub(super) fn export(context: &Context, dir: &Path, json: bool) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| broken(dir, &error))?;
    let put = |name: &str, content: &str| -> Result<PathBuf, Failure> {
        let path = dir.join(name);
        let done = private_file::replace_durably(&path, content.as_bytes());
        done.map_err(|error| broken(&path, &error))?;
        Ok(path)
    };
    let agent = put("agent.pem", &certificate_pem(&context.agent.certificate))?;
    let certificate = put("client.pem", &context.identity.certificate_pem())?;
    let key = put("client-key.pem", &context.identity.key_pem())?;
    if json {
        let shown = |path: &Path| path.to_string_lossy().into_owned();
        console::report_json(&Json {
            endpoint: context.endpoint.to_string(),
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
        "note: whoever has client-key.pem is \"{}\" to {}; the name in the agent's certificate is {SERVER_NAME}",
        text::one_line(&context.client),
        context.endpoint
    ));
    Ok(())
}

fn broken(path: &Path, error: &io::Error) -> Failure {
    let shown = text::one_line(&path.to_string_lossy());
    Failure::new(format!("write {shown}: {error}"))
}

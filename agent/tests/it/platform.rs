//! Requirements of container platforms: a health check without a shell, and a volume that survives a deployment.

use std::path::Path;

use crate::harness::{Bare, Ended, STARTED, VOLUME, World, bare};

async fn healthcheck(http: &str, args: &[&str]) -> Ended {
    let mut command = bare::binary(Path::new("/"));
    command
        .arg("healthcheck")
        .args(args)
        .env("OPENCLAW_HTTP", http);
    bare::run(&mut command, "").await
}

fn well(state: &str) -> Ended {
    Ended {
        code: Some(0),
        stdout: format!("healthy: whatsapp is {state}\n"),
        stderr: String::new(),
    }
}

fn unwell(line: &str) -> Ended {
    Ended {
        code: Some(1),
        stdout: String::new(),
        stderr: format!("error: {line}\n"),
    }
}

#[tokio::test]
async fn a_health_check_needs_nothing_but_the_agent() {
    let mut world = World::new().await;
    let http = world.agent.http().to_string();
    assert_eq!(healthcheck(&http, &[]).await, well("unlinked"));
    let not_ready = unwell("unhealthy (503): whatsapp is unlinked");
    assert_eq!(healthcheck(&http, &["--ready"]).await, not_ready);
    world.link().await;
    assert_eq!(healthcheck(&http, &["--ready"]).await, well("connected"));
    world.agent.terminate().await;
    let gone = healthcheck(&http, &[]).await;
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(
        gone.stderr
            .starts_with(&format!("error: no answer from http://{http}/health: "))
    );
    assert_eq!(gone.stderr.lines().count(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_health_check_uses_the_platforms_port() {
    let world = World::new().await;
    let http = world.agent.http();
    let mut command = bare::binary(Path::new("/"));
    command
        .arg("healthcheck")
        .env("PORT", http.port().to_string());
    assert_eq!(bare::run(&mut command, "").await, well("unlinked"));
    let mut command = bare::binary(Path::new("/"));
    command
        .args(["healthcheck", "--http", &http.to_string()])
        .env("PORT", "1");
    assert_eq!(bare::run(&mut command, "").await, well("unlinked"));
    let wrong = healthcheck("nowhere", &[]).await;
    assert_eq!(wrong.code, Some(64), "{wrong:?}");
    world.finish().await;
}

/// An agent with Railway's environment.
fn on_railway(folder: &Path) -> tokio::process::Command {
    let mut command = bare::binary(folder);
    command.env("RAILWAY_ENVIRONMENT_ID", "0a1b").args([
        "--create-key-file",
        "--whatsapp-url",
        "ws://127.0.0.1:1/ws/chat",
    ]);
    command
}

fn is_refused(ended: &Ended, folder: &Path, error: &str, hint: &str) {
    assert_eq!(ended.code, Some(64), "{ended:?}");
    let mut lines = ended.stderr.lines();
    let line = |line: Option<&str>| line.unwrap_or_default().to_owned();
    let (first, second) = (line(lines.next()), line(lines.next()));
    assert!(
        first.starts_with("error: ") && first.contains(error),
        "{first}"
    );
    assert!(
        second.starts_with("hint: ") && second.contains(hint),
        "{second}"
    );
    assert_eq!(lines.next(), None, "{ended:?}");
    let left = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(left, 0, "something was written");
}

#[tokio::test]
async fn on_railway_nothing_starts_without_a_volume() {
    let folder = tempfile::tempdir().unwrap();
    let ended = bare::run(&mut on_railway(folder.path()), "").await;
    let dir = folder.path().join(VOLUME);
    let hint = format!("`railway volume add --mount-path {}`", dir.display());
    is_refused(
        &ended,
        folder.path(),
        "RAILWAY_VOLUME_MOUNT_PATH is not set",
        &hint,
    );
}

#[tokio::test]
async fn on_railway_nothing_starts_outside_the_volume() {
    let folder = tempfile::tempdir().unwrap();
    let mount = tempfile::tempdir().unwrap();
    let mut command = on_railway(folder.path());
    command.env("RAILWAY_VOLUME_MOUNT_PATH", mount.path());
    let ended = bare::run(&mut command, "").await;
    let hint = format!("OPENCLAW_AUTH_DIR={}", mount.path().display());
    is_refused(&ended, folder.path(), "is not on the volume", &hint);
}

#[tokio::test]
async fn on_railway_an_agent_starts_on_its_volume() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare::binary(folder.path());
    command
        .arg("--create-key-file")
        .env("RAILWAY_PROJECT_ID", "0a1b")
        .env("RAILWAY_VOLUME_MOUNT_PATH", folder.path());
    let mut agent = Bare::start(&mut command);
    agent.logged(STARTED).await;
    assert_eq!(agent.terminate().await.code(), Some(0));
}

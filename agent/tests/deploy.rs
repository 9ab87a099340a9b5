//! Checks the deployment files as far as that is possible without a platform: referenced files exist, constructs that
//! builders reject are absent, and the files agree with each other.
//!
//! deploy/try-image builds and runs the image; it requires root.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use saphyr_parser::{Event, Parser};

/// Variables read by programs next to the agent: the client, the builder.
const OF_OTHERS: [&str; 4] = [
    "OPENCLAW_AGENT",
    "OPENCLAW_CONTEXT",
    "OPENCLAW_COMMIT",
    "OPENCLAW_ENROLL_CODE",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file that describes a deployment, with its content.
fn deployment() -> Vec<(String, String)> {
    let fixed = [
        "Dockerfile.distroless",
        "Dockerfile.relay",
        ".railway/railway.ts",
    ];
    let mut paths: Vec<String> = fixed.iter().map(|path| (*path).to_owned()).collect();
    for folder in [
        "deploy",
        "deploy/fleet",
        "deploy/fleet/pod-monitor",
        "deploy/fleet/relay",
        "deploy/kubernetes",
        "deploy/systemd",
        "docs/deploy",
    ] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                paths.push(format!(
                    "{folder}/{}",
                    entry.file_name().into_string().unwrap()
                ));
            }
        }
    }
    let read = paths.into_iter().map(|path| {
        let content = text(&path);
        (path, content)
    });
    read.collect()
}

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_openclaw-agent"))
        .env_clear()
        .args(command)
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The words of a text with this prefix, followed by matching characters.
fn words<'a>(text: &'a str, prefix: &'a str, continues: fn(char) -> bool) -> BTreeSet<&'a str> {
    let starts = text.match_indices(prefix).map(|(at, _)| &text[at..]);
    starts
        .map(|rest| {
            let end = rest[prefix.len()..].find(|c| !continues(c));
            &rest[..end.map_or(rest.len(), |end| prefix.len() + end)]
        })
        .collect()
}

fn is_of_variables(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

#[test]
fn every_mentioned_variable_is_read() {
    let help = help(&[]);
    let known = words(&help, "OPENCLAW_", is_of_variables);
    assert!(known.len() > 10, "{known:?}");
    for (path, content) in deployment() {
        for named in words(&content, "OPENCLAW_", is_of_variables) {
            assert!(
                known.contains(named) || OF_OTHERS.contains(&named),
                "{path} names {named}, which nothing reads"
            );
        }
    }
}

/// `railway config apply` deletes the variables of a service that its file does not name.
#[test]
fn railway_keeps_every_variable_of_the_agent() {
    let file = text(".railway/railway.ts");
    let is_named = |name: &str| {
        let entry =
            |line: &str| line == format!("\"{name}\",") || line.starts_with(&format!("{name}: "));
        file.lines().any(|line| entry(line.trim()))
    };
    let help = help(&[]);
    let flags = words(&help, "OPENCLAW_", is_of_variables);
    let page = text("docs/settings.md");
    let (_, rest) = page.split_once("### Variables without a flag").unwrap();
    let (table, _) = rest.split_once("\n#").unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| `"));
    let without_flag = cells.map(|cell| cell.split('`').next().unwrap());
    let of_proxies = ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"];
    let all: BTreeSet<&str> = flags
        .into_iter()
        .chain(without_flag)
        .chain(of_proxies)
        // Only a simulator build has it.
        .filter(|name| *name != "OPENCLAW_WHATSAPP_URL")
        .collect();
    assert!(all.len() > 30 && all.contains("WHATSAPP_ALLOW"), "{all:?}");
    let lost: Vec<&&str> = all.iter().filter(|name| !is_named(name)).collect();
    assert!(
        lost.is_empty(),
        ".railway/railway.ts does not name {lost:?}"
    );
}

#[test]
fn every_mentioned_flag_of_the_agent_exists() {
    let commands: [&[&str]; 3] = [&["healthcheck"], &["keys", "generate"], &["keys", "list"]];
    for (path, content) in deployment() {
        for line in content.lines() {
            let Some((_, shown)) = line.split_once("openclaw-agent ") else {
                continue;
            };
            let Some(command) = commands.iter().find(|it| shown.starts_with(&it.join(" "))) else {
                continue;
            };
            let shown = shown.split(['`', ')', '|', '>']).next().unwrap();
            let help = help(command);
            for flag in words(shown, "--", |c| c.is_ascii_lowercase() || c == '-') {
                assert!(help.contains(flag), "{path}: {line}");
            }
        }
    }
}

#[test]
fn the_dockerfile_has_nothing_that_railway_rejects() {
    let content = text("Dockerfile.distroless");
    let instructions: Vec<&str> = content
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let has = |what: &str| instructions.iter().any(|line| line.contains(what));
    assert!(!instructions.iter().any(|line| line.starts_with("VOLUME")));
    assert!(!has("--mount=type="));
    // The image has no shell.
    for exec in ["HEALTHCHECK", "ENTRYPOINT"] {
        let line = instructions.iter().find(|line| line.starts_with(exec));
        assert!(line.unwrap().contains("[\"/app/openclaw-agent\""), "{exec}");
    }
    for wanted in [
        "USER 65532:65532",
        "STOPSIGNAL SIGTERM",
        "OPENCLAW_AUTH_DIR=/app/auth",
        "OPENCLAW_LISTEN=[::]:50051",
        "EXPOSE 50051 8080",
        "--locked",
        "-p openclaw-agent",
    ] {
        assert!(has(wanted), "{wanted}");
    }
    assert!(!has("--workspace"), "a release is built alone");
}

#[test]
fn the_relay_has_an_image_of_its_own_from_the_same_bases() {
    let content = text("Dockerfile.relay");
    assert!(content.contains("-p openclaw-relay") && !content.contains("-p openclaw-agent"));
    for wanted in [
        "USER 65532:65532",
        "ENTRYPOINT [\"/app/openclaw-relay\"]",
        "CMD [\"run\", \"/etc/openclaw-relay/relay.toml\"]",
    ] {
        assert!(content.lines().any(|line| line == wanted), "{wanted}");
    }
    assert_eq!(pinned(&content), pinned(&text("Dockerfile.distroless")));
}

/// The base images in the file.
fn pinned(dockerfile: &str) -> Vec<(&str, &str)> {
    let args = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("ARG "));
    let args = args.filter_map(|arg| arg.split_once('='));
    args.filter(|(name, _)| ["COMPILER", "BASE"].contains(name))
        .collect()
}

#[test]
fn base_images_are_pinned_by_digest() {
    let content = text("Dockerfile.distroless");
    let images = pinned(&content);
    assert_eq!(images.len(), 2);
    for (name, image) in images {
        let (_, digest) = image.split_once("@sha256:").expect(name);
        assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
    }
    for from in content
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
    {
        let own = ["${COMPILER}", "${BASE}", "chef"];
        assert!(own.iter().any(|own| from.starts_with(own)), "{from}");
    }
    // The compiler has the version in the comment.
    let rust = content
        .lines()
        .find_map(|line| line.strip_prefix("ARG RUST="));
    let tag = format!("rust:{}-slim-trixie@", rust.unwrap());
    assert!(content.contains(&tag), "{tag}");
}

#[test]
fn one_command_updates_the_digests() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("Dockerfile");
    fs::write(&copy, text("Dockerfile.distroless")).unwrap();
    let registry = folder.path().join("skopeo");
    let run = |answer: &str| {
        fs::write(&registry, format!("#!/bin/sh\necho {answer}\n")).unwrap();
        fs::set_permissions(&registry, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!(
            "{}:{}",
            folder.path().display(),
            std::env::var("PATH").unwrap()
        );
        let mut command = Command::new(root().join("deploy/pin-images"));
        command.arg(&copy).env("PATH", path).output().unwrap()
    };
    // An invalid digest changes nothing.
    let before = fs::read_to_string(&copy).unwrap();
    assert!(!run("manifest unknown").status.success());
    assert_eq!(fs::read_to_string(&copy).unwrap(), before);
    let digest = format!("sha256:{}", "5".repeat(64));
    let ended = run(&digest);
    assert!(
        ended.status.success(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
    let after = fs::read_to_string(&copy).unwrap();
    for ((name, old), (_, new)) in pinned(&before).into_iter().zip(pinned(&after)) {
        let tag = old.split('@').next().unwrap();
        assert_eq!(new, format!("{tag}@{digest}"), "{name}");
    }
}

#[test]
fn the_label_names_every_licence_in_the_notice() {
    let content = text("Dockerfile.distroless");
    let (_, label) = content.split_once("image.licenses=\"").unwrap();
    let label = label.split('"').next().unwrap();
    let notice = text("NOTICE");
    let (binary, _) = notice.split_once("sim/interop").unwrap();
    for licence in [
        "Apache-2.0",
        "AGPL-3.0-only",
        "MIT",
        "ISC",
        "CDLA-Permissive-2.0",
    ] {
        assert!(
            binary.contains(licence),
            "{licence} is not in NOTICE any more"
        );
        assert!(
            label.split(" AND ").any(|named| named == licence),
            "{licence}"
        );
    }
}

#[test]
fn the_build_context_has_every_file_of_the_image() {
    let ignored = text(".dockerignore");
    let ignored: Vec<&str> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    // A missing manifest or a missing source of a COPY would fail the build.
    let manifest = text("Cargo.toml");
    let members = manifest.lines().find(|line| line.starts_with("members ="));
    let members = members.unwrap().split('"').skip(1).step_by(2);
    for needed in members.chain(["LICENSE", "NOTICE"]) {
        assert!(root().join(needed).exists(), "{needed}");
        let top = needed.split('/').next().unwrap();
        assert!(!ignored.contains(&top), "{needed}");
    }
    for secret in ["*.key", "*.backup", ".env*"] {
        assert!(ignored.contains(&secret), "{secret}");
    }
}

#[test]
fn every_yaml_file_parses() {
    let mut documents = 0;
    for (path, content) in deployment() {
        if !path.ends_with(".yml") && !path.ends_with(".yaml") {
            continue;
        }
        for event in Parser::new_from_str(&content) {
            let (event, _) = event.unwrap_or_else(|error| panic!("{path}: {error}"));
            documents += usize::from(matches!(event, Event::DocumentStart(_)));
        }
    }
    assert_eq!(documents, 15, "a file was added or lost");
}

#[test]
fn all_files_agree_on_user_directory_and_ports() {
    let compose = text("deploy/compose.yml");
    let pod = text("deploy/kubernetes/agent.yaml");
    let relay = text("deploy/fleet/relay/relay.yaml");
    let railway = text(".railway/railway.ts");
    for (what, where_) in [
        ("user: \"65532:65532\"", &compose),
        ("/app/auth", &compose),
        ("\"50051:50051\"", &compose),
        ("read_only: true", &compose),
        (
            "[\"CMD\", \"/app/openclaw-agent\", \"healthcheck\"]",
            &compose,
        ),
        ("runAsUser: 65532", &pod),
        ("runAsNonRoot: true", &pod),
        ("readOnlyRootFilesystem: true", &pod),
        ("mountPath: /app/auth", &pod),
        ("containerPort: 50051", &pod),
        ("containerPort: 8080", &pod),
        ("accessModes: [ReadWriteOncePod]", &pod),
        ("runAsUser: 65532", &relay),
        ("readOnlyRootFilesystem: true", &relay),
        ("containerPort: 9464", &relay),
        ("\"/app/auth\"", &railway),
        ("tcp: [50051]", &railway),
        ("RAILWAY_RUN_UID: \"0\"", &railway),
        ("healthcheck: \"/health\"", &railway),
    ] {
        assert!(where_.contains(what), "{what}");
    }
}

#[test]
fn every_file_that_the_pages_link_to_is_there() {
    for (path, content) in deployment() {
        if !path.ends_with(".md") {
            continue;
        }
        for link in content.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            let file = root().join(&path).parent().unwrap().join(target);
            assert!(file.exists(), "{path} links to {target}");
        }
    }
}

//! Checks `docs/runbook.md` and `docs/mcp.md`: their commands are run for an agent in the state that the page describes, and
//! must print what the page shows.
//!
//! Commands of platforms are not run. The tests need `openclawctl` next to the agent, which `scripts/test` builds.

mod likeness;
mod page;
mod scene;
mod shell;

use std::time::Instant;

use openclaw_sim::camera;

use crate::harness::{ACCOUNT, TEST_TIMEOUT};
use page::{Block, Step};
use scene::Scene;
pub(crate) use shell::Shell;

const PAGE: &str = "docs/runbook.md";
/// The page for assistants.
const ASSISTANTS: &str = "docs/mcp.md";
/// The gRPC edge of the agent.
const EDGE: &str = "agent/src/edge/grpc";
/// The reason of a call whose client has gone.
const UNREAD: [&str; 1] = ["CANCELLED"];
/// The page's rules: Anna is allowed.
const RULES: &str =
    "channels:\n  whatsapp:\n    dmPolicy: allowlist\n    allowFrom: [\"+15550100002\"]\n";
/// The sections of the runbook that this one replaces, in order.
const SECTIONS: [&str; 20] = [
    "Overview",
    "Initial pairing",
    "Prerequisites",
    "Steps",
    "Re-pairing",
    "Steps",
    "Monitoring the connection",
    "Health check",
    "Logs",
    "Alerts",
    "Session persistence",
    "Volume",
    "Backup",
    "Troubleshooting",
    "QR code not displaying",
    "QR code expires before scanning",
    "\"Session conflict\"",
    "The phone shows the device as active, but the agent is disconnected",
    "Messages not arriving",
    "Security notes",
];

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn every_command_of_the_runbook_does_what_it_shows() {
    let logs = type_every_command(PAGE, 20).await;
    for text in page::text(PAGE)
        .split('`')
        .filter(|text| text.starts_with("WhatsApp ") && text.contains("connect"))
    {
        assert!(
            logs.contains(&format!("\"{text}\"")),
            "no agent has logged {text:?}"
        );
    }
}

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn every_command_for_assistants_does_what_its_page_shows() {
    type_every_command(ASSISTANTS, 4).await;
}

/// Types the commands of a page. Returns the logs of the agents.
async fn type_every_command(page: &str, more_than: usize) -> String {
    let text = page::text(page);
    let mut scene: Option<Scene> = None;
    let mut logs = String::new();
    let (mut run, mut wrong) = (0, Vec::new());
    for Block {
        line,
        scene: wanted,
        steps,
    } in page::blocks(&text)
    {
        let Some(wanted) = wanted else { continue };
        match (wanted.as_str(), &mut scene) {
            ("the same agent", Some(_)) => {}
            ("the same account, its volume empty", Some(scene)) => scene.empty_the_volume().await,
            (name, _) => {
                if let Some(done) = scene.replace(Scene::set(name).await) {
                    logs.push_str(&done.log());
                    done.end().await;
                }
            }
        }
        let scene = scene
            .as_ref()
            .unwrap_or_else(|| panic!("line {line}: on which agent?"));
        for step in &steps {
            // Collects all failures before it panics.
            wrong.extend(type_and_compare(page, scene, step).await.err());
            run += 1;
        }
    }
    let scene = scene.expect("some command is run");
    logs.push_str(&scene.log());
    scene.end().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(run > more_than, "{run} commands are run");
    logs
}

async fn type_and_compare(page: &str, scene: &Scene, step: &Step) -> Result<(), String> {
    let Step {
        line,
        command,
        shown,
    } = step;
    let typed = scene.here(command);
    // These may be repeated while a state is being reached.
    let looks = [
        "openclawctl status",
        "openclawctl health",
        "openclawctl doctor",
        "openclawctl clients list",
        "curl ",
    ];
    let looks = looks.iter().any(|look| command.starts_with(look));
    let refused = shown
        .iter()
        .any(|line| line.starts_with("error: ") || line.starts_with('✗'));
    let begun = Instant::now();
    loop {
        let running = scene.shell.start(&typed, scene.socket());
        if command.starts_with("openclawctl pair") {
            scan(scene, &running).await;
        }
        let (succeeded, printed) = running.end().await;
        let printed = scene.there(&printed);
        if likeness::alike(shown, &printed) && succeeded != refused {
            return Ok(());
        }
        if !looks || begun.elapsed() > TEST_TIMEOUT {
            return Err(format!(
                "{page}:{line}: {command}\nshows:\n{}\nprinted (success: {succeeded}):\n{printed}",
                shown.join("\n")
            ));
        }
    }
}

/// The phone scans the code from the terminal, or its owner enters the shown code.
async fn scan(scene: &Scene, running: &shell::Running) {
    let phone = scene.world.phone();
    let seen = async {
        loop {
            let printed = running.printed();
            if printed.contains("Type this code") {
                let code = printed
                    .lines()
                    .find(|line| line.len() == 9 && line.as_bytes()[4] == b'-');
                if let Some(code) = code {
                    phone.enter_code(code).await.unwrap();
                    return;
                }
            }
            if printed.contains("error: ") {
                return;
            }
            if let Some(code) = camera::read(printed.as_bytes()) {
                phone.scan(&code).await.unwrap();
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let seen = tokio::time::timeout(TEST_TIMEOUT, seen).await;
    seen.unwrap_or_else(|_| panic!("no code for {ACCOUNT}: {}", running.printed()));
}

#[test]
fn the_runbook_has_every_section_of_its_predecessor_in_order() {
    let text = page::text(PAGE);
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    for section in SECTIONS {
        let found = headings.any(|heading| heading.trim_start_matches(['#', ' ']) == section);
        assert!(found, "{section:?} is missing, or in another place");
    }
}

/// Operators look up errors by these names.
#[test]
fn the_runbook_names_every_state_and_every_error() {
    let text = page::text(PAGE);
    let named = |name: &str| text.contains(&format!("`{name}`"));
    for state in openclaw_types::LinkState::NAMES {
        assert!(named(state), "the state {state}");
    }
    let mut found = 0;
    let others = ["status.rs", "roles.rs", "explain.rs"].map(|file| format!("{EDGE}/{file}"));
    let others = others
        .into_iter()
        .chain(["agent/src/link/frame.rs".to_owned()]);
    for file in page::sources(&format!("{EDGE}/status"))
        .into_iter()
        .chain(others)
    {
        let source = page::text(&file);
        for name in source
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|name| is_reason(name) && !UNREAD.contains(name))
        {
            assert!(named(name), "{file} has an error {name}");
            found += 1;
        }
    }
    assert!(found > 40, "{found} errors");
}

#[test]
fn the_runbook_names_every_error_of_the_client() {
    let text = page::text(PAGE);
    let mut found = 0;
    for file in page::sources("ctl/src") {
        let source = page::text(&file);
        if !source.contains("with_reason(") {
            continue;
        }
        let texts = source.split('"').skip(1).step_by(2);
        for name in texts.filter(|text| is_reason(text) && !is_variable(text)) {
            assert!(
                text.contains(&format!("`{name}`")),
                "{file} has an error {name}"
            );
            found += 1;
        }
    }
    assert!(found > 50, "{found} errors");
}

fn is_variable(text: &str) -> bool {
    matches!(text, "HOME" | "PATH") || text.starts_with("XDG_") || text.starts_with("OPENCLAW_")
}

fn is_reason(text: &str) -> bool {
    text.len() > 3 && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
}

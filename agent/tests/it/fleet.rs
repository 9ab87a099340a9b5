//! A fleet: several agents, one key of the operator, and `openclawctl --all`.

use std::sync::Arc;

use openclaw_sim::Config;

use crate::harness::{Agent, World};
use crate::runbook::Shell;

/// Runs a command line; panics unless it succeeds or fails as expected. Returns what it printed.
async fn typed(shell: &Shell, line: &str, succeeds: bool) -> String {
    let (succeeded, printed) = shell.start(line, None).end().await;
    assert_eq!(succeeded, succeeds, "{line}\n{printed}");
    printed
}

/// An agent that has this key in its settings.
async fn member(world: &World, name: &str, keys: &str) -> Agent {
    let environment = [
        ("OPENCLAW_LISTEN", "127.0.0.1:0"),
        ("OPENCLAW_NAME", name),
        ("OPENCLAW_CLIENT_KEYS", keys),
    ];
    let folder = Arc::new(tempfile::tempdir().unwrap());
    Agent::start_within(folder, &world.sim.url(), &environment).await
}

fn addition(name: &str, agent: &Agent) -> String {
    let (address, key) = (agent.tls(), agent.fingerprint());
    format!("openclawctl context add {name} {address} --agent-key {key}")
}

#[tokio::test]
#[ignore = "needs openclawctl next to the agent: run by scripts/test"]
async fn an_operator_enrolls_once_and_sees_each_agent_through_an_upgrade() {
    let args = ["--listen", "127.0.0.1:0", "--name", "shop-1"];
    let world = World::with(Config::default(), &args).await;
    let shell = Shell::new();
    let (address, code) = (world.agent.tls(), world.agent.first_code().await.reveal());
    let code = code.as_str();
    let enroll = format!("openclawctl enroll {address} --code {code} --name ops --context shop-1");
    typed(&shell, &enroll, true).await;
    let listed = typed(&shell, "openclawctl --json context list", true).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let keys = format!("ops:admin:{}", listed["fingerprint"].as_str().unwrap());

    let mut second = member(&world, "shop-2", &keys).await;
    let third = member(&world, "shop-3", &keys).await;
    typed(&shell, &addition("shop-2", &second), true).await;
    typed(&shell, &addition("shop-3", &third), true).await;
    // Neither a wrong key of the agent nor a stranger's own key is enough.
    let swapped = addition("shop-4", &third).replace(
        &third.fingerprint().to_string(),
        &second.fingerprint().to_string(),
    );
    let refused = typed(&shell, &swapped, false).await;
    assert!(refused.contains(", not SHA256:"), "{refused}");
    let stranger = Shell::new();
    typed(&stranger, &addition("shop-3", &third), false).await;

    let versions = typed(&shell, "openclawctl --all version", true).await;
    let names: Vec<_> = versions
        .lines()
        .map(|line| line.split_whitespace().next())
        .collect();
    let expected = ["CONTEXT", "shop-1", "shop-2", "shop-3"].map(Some);
    assert_eq!(names, expected, "{versions}");

    // An upgrade of one, in the middle.
    let (address, url) = (second.tls().to_string(), world.sim.url());
    second.kill().await;
    let during = typed(&shell, "openclawctl --all status", false).await;
    let states: Vec<_> = during
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2))
        .collect();
    assert_eq!(
        states[..4],
        ["STATE", "unlinked", "unreachable", "unlinked"],
        "{during}"
    );
    let args = ["--listen", &address, "--name", "shop-2"];
    let keys = ("OPENCLAW_CLIENT_KEYS", keys.as_str());
    second.start_again_where(&url, &args, keys).await;
    let after = typed(&shell, "openclawctl --all status", true).await;
    assert_eq!(after.matches("unlinked").count(), 3, "{after}");
    world.finish().await;
}

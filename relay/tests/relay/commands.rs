//! Commands are carried out once, and each is answered.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::message::PublishMessage;
use serde_json::{Value, json};

use crate::harness::{AGENT, ANNA, Process, WORD, World, until};

const COMMANDS: &str = "commands = true";
const RESULTS: &str = "OPENCLAW_RESULTS";

impl World {
    fn relay_with_commands(&self) -> Process {
        self.relay_with(COMMANDS)
    }

    /// Puts a command into the queue, once it exists.
    async fn command(&self, token: Option<&str>, payload: &str) {
        let jetstream = self.jetstream().await;
        let subject = format!("openclaw.commands.v1.{AGENT}");
        until("the command is in the queue", async || {
            let mut message = PublishMessage::build().payload(payload.to_owned().into());
            if let Some(token) = token {
                message = message.message_id(token);
            }
            match jetstream.send_publish(subject.clone(), message).await {
                Ok(sent) => sent.await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }

    /// The results so far, by token.
    async fn results(&self) -> BTreeMap<String, Vec<Value>> {
        let jetstream = self.jetstream().await;
        let mut results: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let Ok(mut stream) = jetstream.get_stream(RESULTS).await else {
            return results;
        };
        let state = stream.info().await.unwrap().state.clone();
        for seq in state.first_sequence.max(1)..=state.last_sequence {
            let message = stream.get_raw_message(seq).await.unwrap();
            let result: Value = serde_json::from_slice(&message.payload).unwrap();
            let token = result["token"].as_str().unwrap().to_owned();
            results.entry(token).or_default().push(result);
        }
        results
    }

    /// Waits until this many tokens have a result.
    async fn until_answered(&self, tokens: usize) -> BTreeMap<String, Vec<Value>> {
        let mut results = BTreeMap::new();
        until("every command is answered", async || {
            results = self.results().await;
            results.len() >= tokens
        })
        .await;
        results
    }

    /// How many commands the server has still to deliver, or waits for the end of. (A server that is killed may keep a
    /// message that it knows as done.)
    async fn queued(&self) -> Option<u64> {
        let jetstream = self.jetstream().await;
        let stream = jetstream.get_stream("OPENCLAW_COMMANDS").await.ok()?;
        let consumer = format!("relay-{AGENT}");
        let info = stream.consumer_info(consumer).await.ok()?;
        println!(
            "{} pending, {} unacked",
            info.num_pending, info.num_ack_pending
        );
        Some(info.num_pending + u64::try_from(info.num_ack_pending).unwrap())
    }

    async fn until_queue_is_empty(&self) {
        until("the queue is empty", async || {
            self.queued().await == Some(0)
        })
        .await;
    }

    fn texts_to_anna(&self) -> Vec<String> {
        let inbox = self.sim.peer(ANNA).unwrap().inbox();
        inbox
            .into_iter()
            .filter_map(|received| received.text)
            .collect()
    }
}

fn text_to_anna(text: &str) -> String {
    json!({"to": ANNA, "content": {"kind": "text", "text": {"body": format!("{WORD} {text}")}}})
        .to_string()
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn a_command_is_sent_and_answered() {
    let world = World::new().await;
    let _relay = world.relay_with_commands();
    world.command(Some("order-1"), &text_to_anna("one")).await;
    let results = world.until_answered(1).await;
    let result = &results["order-1"][0];
    assert_eq!(
        (&result["ok"], &result["agent"]),
        (&json!(true), &json!(AGENT))
    );
    assert_eq!(result["response"]["client_token"], "order-1");
    let state = result["response"]["state"].as_str().unwrap();
    assert!(
        ["server_ack", "delivered", "read"].contains(&state),
        "{result}"
    );
    world.until_queue_is_empty().await;
    assert_eq!(world.texts_to_anna(), [format!("{WORD} one")]);
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn a_command_that_cannot_be_carried_out_is_answered_and_leaves_the_queue() {
    let world = World::new().await;
    let _relay = world.relay_with_commands();
    let nobody = json!({"to": "nobody", "content": {"kind": "text", "text": {"body": "x"}}});
    world.command(None, &text_to_anna("no token")).await;
    world.command(Some("garbled"), "{").await;
    world.command(Some("nobody"), &nobody.to_string()).await;
    world.command(Some("good"), &text_to_anna("good")).await;
    let results = world.until_answered(4).await;
    for (token, reason) in [
        ("", "NO_TOKEN"),
        ("garbled", "UNREADABLE"),
        ("nobody", "INVALID_ARGUMENT"),
    ] {
        let result = &results[token][0];
        assert_eq!(result["ok"], false, "{result}");
        assert_eq!(result["error"]["reason"], reason, "{result}");
        assert!(
            !result["error"]["hint"].as_str().unwrap().is_empty(),
            "{result}"
        );
    }
    assert_eq!(results["good"][0]["ok"], true);
    world.until_queue_is_empty().await;
    assert_eq!(world.texts_to_anna(), [format!("{WORD} good")]);
}

#[tokio::test]
#[ignore = "needs nats-server and the agent"]
async fn kills_carry_out_each_command_once() {
    const COMMANDS: u32 = 24;
    let mut chance = fastrand::Rng::with_seed(11);
    let mut world = World::new().await;
    let mut relay = world.relay_with_commands();
    for number in 0..COMMANDS {
        let token = format!("order-{number}");
        world.command(Some(&token), &text_to_anna(&token)).await;
        if number % 4 == 3 {
            tokio::time::sleep(Duration::from_millis(chance.u64(0..250))).await;
            if number / 4 % 3 == 0 {
                relay.kill().await;
                relay = world.relay_with_commands();
            } else if number / 4 % 3 == 1 {
                world.agent.kill().await;
                world.restart_agent();
            } else {
                world.nats[0].kill().await;
                world.restart_nats(0);
            }
        }
    }
    let results = world
        .until_answered(usize::try_from(COMMANDS).unwrap())
        .await;
    for result in results.values().flatten() {
        assert_eq!(result["ok"], true, "{result}");
    }
    world.until_queue_is_empty().await;
    let mut texts = world.texts_to_anna();
    texts.sort();
    let mut expected: Vec<_> = (0..COMMANDS)
        .map(|number| format!("{WORD} order-{number}"))
        .collect();
    expected.sort();
    assert_eq!(texts, expected);
    assert!(world.sim.violations().is_empty());
}

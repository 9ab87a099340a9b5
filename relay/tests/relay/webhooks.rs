//! Events to a receiver over HTTP: signed, in order, again until it takes them, and set aside if it does not.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use openclaw_sim::By;
use sha2::{Digest as _, Sha256};

use crate::harness::receiver::{Answer, Post, Receiver, SECRET_PATH};
use crate::harness::{ACCOUNT, AGENT, ANNA, Process, WORD, World, until};
use crate::network::{get, http};

/// Nothing but webhooks, and one of them.
struct Hooked {
    world: World,
    receiver: Receiver,
    config: String,
}

impl Hooked {
    /// With settings for the webhook.
    async fn with(settings: &str) -> Self {
        let world = World::without_nats().await;
        let receiver = Receiver::start().await;
        let config = world.write_hooks(&receiver.url(), settings);
        Self {
            world,
            receiver,
            config,
        }
    }

    fn relay(&self) -> Process {
        self.world.run_relay(&["run", &self.config])
    }

    /// Runs a command about dead letters to its end. Returns whether it succeeded, and what it printed.
    async fn dead_letters(&self, command: &str, args: &[&str]) -> (bool, String) {
        let args = [&["dead-letters", command, &self.config][..], args].concat();
        let mut program = self.world.run_relay(&args);
        let ended = program.ended().await;
        (ended.success(), program.output())
    }

    fn letters(&self) -> Vec<PathBuf> {
        let dir = self.world.dir.path().join("dead/crm");
        let entries = std::fs::read_dir(dir).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        // Not the file that is being written.
        let is_letter = |path: &PathBuf| path.extension().is_some();
        paths.filter(is_letter).collect()
    }
}

const KINDS: &str = "kinds = [\"message\"]";

fn failure(status: u16) -> Answer {
    Answer::Status(status, None)
}

/// The texts, without the word that is in all of them.
fn texts(posts: &[Post]) -> Vec<&str> {
    let texts = posts.iter().map(Post::text);
    texts
        .map(|text| text.trim_start_matches(WORD).trim_start())
        .collect()
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn events_are_posted_in_order_over_restarts() {
    let hooked = Hooked::with(KINDS).await;
    let mut relay = hooked.relay();
    for text in ["one", "two", "three"] {
        hooked.world.text(text).await;
    }
    let taken = hooked.receiver.until_taken(3).await;
    assert_eq!(texts(&taken), ["one", "two", "three"]);
    let post = &taken[0];
    assert_eq!(post.json["kind"], "message");
    assert_eq!(post.headers["ce-id"], post.id);
    assert_eq!(post.headers["ce-type"], "openclaw.v1.message");
    assert_eq!(
        post.headers["ce-source"],
        format!("/openclaw/agents/{AGENT}")
    );
    assert!(relay.terminate().await.success());
    hooked.world.text("four").await;
    let relay = hooked.relay();
    let taken = hooked.receiver.until_taken(4).await;
    assert_eq!(texts(&taken), ["one", "two", "three", "four"]);
    // The position had moved, but for the event whose answer arrived with the signal.
    assert!(hooked.receiver.posts().len() <= 5);
    assert!(
        !relay.output().contains(SECRET_PATH),
        "the address is secret"
    );
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn a_receiver_that_is_away_is_waited_for() {
    let hooked = Hooked::with(&format!("{KINDS}\nattempts = 1\ntimeout_seconds = 1")).await;
    hooked.receiver.answer_next([
        failure(503),
        Answer::Status(429, Some(("retry-after", "1"))),
        Answer::Never,
        Answer::Close,
        Answer::Status(307, Some(("location", "/elsewhere"))),
        Answer::Huge,
    ]);
    let _relay = hooked.relay();
    hooked.world.text("first").await;
    hooked.world.text("second").await;
    let taken = hooked.receiver.until_taken(2).await;
    assert_eq!(texts(&taken), ["first", "second"]);
    let posts = hooked.receiver.posts();
    assert_eq!(posts.len(), 7, "none but the failed one was repeated");
    assert!(posts[..6].iter().all(|post| post.id == taken[0].id));
    assert!(hooked.letters().is_empty(), "an outage sets nothing aside");
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn nothing_is_lost_and_the_order_is_kept_whatever_is_killed() {
    const ROUNDS: usize = 6;
    const EACH: usize = 5;
    let mut hooked = Hooked::with(KINDS).await;
    let mut relay = hooked.relay();
    let mut sent = Vec::new();
    for round in 0..ROUNDS {
        for at in 0..EACH {
            let text = format!("{round}.{at}");
            hooked.world.text(&text).await;
            sent.push(text);
        }
        if round % 2 == 0 {
            relay.kill().await;
            relay = hooked.relay();
        } else {
            hooked.world.agent.kill().await;
            hooked.world.restart_agent();
            hooked.world.client().await;
        }
    }
    let taken = hooked.receiver.until_taken(sent.len()).await;
    assert_eq!(texts(&taken), sent);
    // What was posted when it was killed is posted again, with its id, and nothing else is.
    let posts = hooked.receiver.posts();
    assert!(posts.len() <= sent.len() + ROUNDS, "{}", posts.len());
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn what_a_receiver_does_not_take_is_set_aside_and_delivered_later() {
    let hooked = Hooked::with(&format!("{KINDS}\nattempts = 2")).await;
    hooked.receiver.answer_about(Some(("poison", failure(422))));
    let mut relay = hooked.relay();
    for text in ["before", "poison", "after"] {
        hooked.world.text(text).await;
    }
    let taken = hooked.receiver.until_taken(2).await;
    assert_eq!(texts(&taken), ["before", "after"]);
    let [letter] = &hooked.letters()[..] else {
        panic!("{:?}", hooked.letters())
    };
    let content = std::fs::read_to_string(letter).unwrap();
    assert!(
        !content.contains(WORD) && content.contains("HTTP 422"),
        "{content}"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&letter.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // A kill before the position moves posts nothing again that was set aside.
    relay.kill().await;
    let before = hooked.receiver.posts().len();
    let _relay = hooked.relay();
    hooked.world.text("and on").await;
    hooked.receiver.until_taken(3).await;
    assert_eq!(hooked.receiver.posts().len(), before + 1);

    let (_, listed) = hooked.dead_letters("list", &["--json"]).await;
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let id = listed["id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&listed["agent"], &listed["attempts"]),
        (&AGENT.into(), &2.into())
    );
    let (replayed, printed) = hooked.dead_letters("replay", &["--all"]).await;
    assert!(
        !replayed && printed.contains("not delivered: HTTP 422"),
        "{printed}"
    );
    let (replayed, printed) = hooked.dead_letters("replay", &["ab-1"]).await;
    assert!(
        !replayed && printed.contains("no dead letter `ab-1`"),
        "{printed}"
    );
    hooked.receiver.answer_about(None);
    let (replayed, printed) = hooked.dead_letters("replay", &[&id]).await;
    assert!(replayed && printed.contains("delivered"), "{printed}");
    let taken = hooked.receiver.taken();
    let last = taken.last().unwrap();
    assert_eq!((last.text(), &last.id), (&*format!("{WORD} poison"), &id));
    let (_, listed) = hooked.dead_letters("list", &[]).await;
    assert_eq!(listed, "");
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn dead_letters_can_be_dropped_and_name_what_is_no_longer_there() {
    let mut hooked = Hooked::with(&format!("{KINDS}\nattempts = 1")).await;
    hooked.receiver.answer_always(Some(failure(400)));
    let relay = hooked.relay();
    hooked.world.text("poison").await;
    hooked.world.text("more poison").await;
    until("both are set aside", async || hooked.letters().len() == 2).await;
    drop(relay);
    hooked.world.set_agent_up_again().await;
    let (replayed, printed) = hooked.dead_letters("replay", &["--all"]).await;
    assert!(!replayed, "{printed}");
    assert_eq!(printed.matches("another store now").count(), 2, "{printed}");
    let (dropped, printed) = hooked
        .dead_letters("drop", &["--all", "--webhook", "crm"])
        .await;
    assert!(dropped && hooked.letters().is_empty(), "{printed}");
    let (listed, printed) = hooked.dead_letters("list", &["--webhook", "erp"]).await;
    assert!(!listed && printed.contains("no webhook `erp`"), "{printed}");
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn a_receiver_that_is_gone_gets_nothing_more() {
    let hooked = Hooked::with(KINDS).await;
    hooked.receiver.answer_always(Some(failure(410)));
    let relay = hooked.relay();
    hooked.world.text("one").await;
    hooked.world.text("two").await;
    until("it has stopped", async || {
        relay.output().contains("the receiver is gone")
    })
    .await;
    let health = get(http(&relay).await, "/health").await;
    assert!(health.starts_with("HTTP/1.1 503"), "{health}");
    assert!(health.contains("\"gone\":true"), "{health}");
    drop(relay);
    assert_eq!(hooked.receiver.posts().len(), 1);
    // Back again, it misses nothing.
    hooked.receiver.answer_always(None);
    let _relay = hooked.relay();
    let taken = hooked.receiver.until_taken(2).await;
    assert_eq!(texts(&taken), ["one", "two"]);
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn only_the_chosen_chats_and_kinds_are_posted() {
    const BERT: &str = "+15550100003";
    let hooked = Hooked::with(&format!("{KINDS}\nchats = [\"{ANNA}\"]")).await;
    let _relay = hooked.relay();
    let bert = hooked.world.sim.peer(BERT).unwrap();
    let text = format!("{WORD} of Bert");
    bert.send_text(ACCOUNT, &text, By::Pn).await.unwrap();
    hooked.world.text("of Anna").await;
    hooked.world.until_received(2).await;
    hooked.world.text("of Anna again").await;
    let taken = hooked.receiver.until_taken(2).await;
    assert_eq!(texts(&taken), ["of Anna", "of Anna again"]);
    assert_eq!(hooked.receiver.posts().len(), 2);
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn a_small_file_is_in_the_body_and_a_large_one_is_not() {
    let hooked = Hooked::with(&format!("{KINDS}\ninline_file_bytes = 2000")).await;
    let _relay = hooked.relay();
    for bytes in [1_000, 3_000] {
        hooked.world.picture(bytes).await;
    }
    let taken = hooked.receiver.until_taken(2).await;
    let file = &taken[0].json["file"];
    let encoded = file["base64"].as_str().unwrap();
    let bytes = data_encoding::BASE64.decode(encoded.as_bytes()).unwrap();
    assert_eq!(bytes.len(), 1_000);
    assert_eq!(file["sha256"], HEXLOWER.encode(&Sha256::digest(&bytes)));
    assert_eq!(taken[1].json["file"], serde_json::Value::Null);
    assert_eq!(
        taken[1].json["message"]["content"]["media"]["downloadable"],
        true
    );
}

#[tokio::test]
#[ignore = "needs the agent"]
async fn a_check_connects_to_the_receiver_and_posts_nothing() {
    let hooked = Hooked::with(KINDS).await;
    let mut check = hooked.world.run_relay(&["check", &hooked.config]);
    assert!(check.ended().await.success(), "{}", check.output());
    assert!(
        check.output().contains("nothing was posted"),
        "{}",
        check.output()
    );
    let config = hooked
        .world
        .write_hooks(&format!("http://127.0.0.1:1{SECRET_PATH}"), KINDS);
    let mut check = hooked.world.run_relay(&["check", &config]);
    assert_eq!(check.ended().await.code(), Some(3));
    let printed = check.output();
    assert!(printed.contains("error: webhook `crm`: "), "{printed}");
    assert!(!printed.contains(SECRET_PATH), "{printed}");
    assert!(hooked.receiver.posts().is_empty());
}

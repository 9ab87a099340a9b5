//! `enroll` across several attempts, on a terminal, and the behaviour of an enrolled client.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch;

use crate::contexts::{self, Context};
use crate::program::{Ended, Program};
use crate::script::{Enrolment, Script, Speaks, base64};
use crate::scripted_agent::{ScriptedAgent, code};
use crate::terminal::Terminal;

/// A machine with an agent on loopback.
struct Machine {
    dir: TempDir,
    agent: ScriptedAgent,
    printed: Arc<watch::Sender<String>>,
}

impl Machine {
    async fn new(script: Script) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let printed = Arc::new(watch::Sender::default());
        let socket = dir.path().join("agent.sock");
        let agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
        Self {
            dir,
            agent,
            printed,
        }
    }

    fn config(&self) -> String {
        self.dir.path().join("config").display().to_string()
    }

    fn endpoint(&self) -> &str {
        &self.agent.listener().unwrap().endpoint
    }

    fn context_file(&self) -> Option<Value> {
        let path = Path::new(&self.config()).join("openclaw/contexts/127.0.0.1.json");
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    async fn start(&self, args: &[&str]) -> Program {
        let env = BTreeMap::from([("XDG_CONFIG_HOME".to_owned(), self.config())]);
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Program::start(self.dir.path(), &args, &env, None, &self.printed).await
    }

    async fn run(&self, args: &[&str]) -> Ended {
        self.start(args).await.end().await
    }

    async fn enroll(&self) -> Ended {
        let code = code().reveal();
        let args = [
            "enroll",
            self.endpoint(),
            "--name",
            "laptop",
            "--code",
            &code,
        ];
        self.run(&args).await
    }
}

fn script(enroll: &[Enrolment]) -> Script {
    Script {
        listens: Some(Speaks::Tls),
        enroll: enroll.to_vec().into(),
        status: [json!({"caller": {"name": "laptop"}}), json!({})].into(),
        ..Script::default()
    }
}

fn welcome() -> Enrolment {
    Enrolment::Welcome("admin".to_owned())
}

#[tokio::test]
async fn after_a_lost_response_the_same_key_is_sent_again() {
    let machine = Machine::new(script(&[Enrolment::Cut, welcome()])).await;
    assert_eq!(machine.enroll().await.exit, Some(3));
    assert!(machine.context_file().is_none());
    let ended = machine.enroll().await;
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    let asked = [
        "Enroll laptop",
        "Enroll laptop, with a key that was seen",
        "Status {}",
    ];
    assert_eq!(machine.agent.asked(), asked);
    assert_eq!(machine.run(&["status"]).await.exit, Some(0));
}

#[tokio::test]
async fn a_pending_key_is_kept_across_attempts_without_a_response() {
    let machine = Machine::new(script(&[Enrolment::Cut])).await;
    assert_eq!(machine.enroll().await.exit, Some(3));
    let nobody = machine.enroll().await;
    assert!(
        nobody.stderr.contains("accepts no enrolment"),
        "{}",
        nobody.stderr
    );
    machine.agent.expect(welcome());
    assert_eq!(machine.enroll().await.exit, Some(0));
    let seen = "Enroll laptop, with a key that was seen";
    assert_eq!(machine.agent.asked()[1], seen);
}

#[tokio::test]
async fn ctrl_c_during_an_enrolment_keeps_the_pending_key() {
    let machine = Machine::new(script(&[Enrolment::Hold, welcome()])).await;
    let code = code().reveal();
    let args = [
        "enroll",
        machine.endpoint(),
        "--name",
        "laptop",
        "--code",
        &code,
    ];
    let program = machine.start(&args).await;
    machine.agent.until_asked("Enroll").await;
    program.interrupt();
    let ended = program.end().await;
    assert_eq!(ended.exit, Some(1));
    assert!(
        ended
            .stderr
            .starts_with("error: stopped: the agent may have enrolled this key\n"),
        "{}",
        ended.stderr
    );
    assert_eq!(machine.enroll().await.exit, Some(0));
    assert_eq!(
        machine.agent.asked()[1],
        "Enroll laptop, with a key that was seen"
    );
}

#[tokio::test]
async fn a_key_that_was_refused_is_not_used_again() {
    let refused = Enrolment::Refuse("name".to_owned());
    let machine = Machine::new(script(&[refused, welcome()])).await;
    assert_eq!(machine.enroll().await.exit, Some(4));
    assert_eq!(machine.enroll().await.exit, Some(0));
    assert_eq!(
        machine.agent.asked(),
        ["Enroll laptop", "Enroll laptop", "Status {}"]
    );
}

#[tokio::test]
async fn a_typed_code_is_not_shown() {
    let machine = Machine::new(script(&[welcome()])).await;
    let args = ["enroll", machine.endpoint(), "--name", "laptop"];
    let config = machine.config();
    let env = [("XDG_CONFIG_HOME", config.as_str())];
    let size = (100, 24);
    let mut terminal = Terminal::start(
        machine.dir.path(),
        None,
        &args,
        &env,
        size,
        &machine.printed,
    );
    let asked =
        |t: &Terminal| t.text().trim_end().ends_with("Code (not shown):") && !t.is_as_before();
    terminal.until("the question", asked).await;
    let code = code().reveal();
    terminal
        .type_keys(&format!("{}\r", code.to_lowercase()))
        .await;
    assert_eq!(terminal.end().await, Some(0), "{}", terminal.text());
    assert!(terminal.is_as_before());
    for group in code.split('-') {
        for shown in [group.to_owned(), group.to_lowercase()] {
            let text = terminal.raw().replace(machine.endpoint(), "");
            assert!(!text.contains(&shown), "{shown}: {text}");
        }
    }
    assert!(
        terminal.text().contains("as \"laptop\" (admin)"),
        "{}",
        terminal.text()
    );
}

#[tokio::test]
async fn a_watch_ends_when_its_client_is_revoked() {
    let steps = vec![json!({"event": {"seq": 1}}), json!({"hold": true})];
    let machine = Machine::new(Script {
        listens: Some(Speaks::Tls),
        watch: [steps].into(),
        ..Script::default()
    })
    .await;
    let listener = machine.agent.listener();
    let home: Context = serde_json::from_value(json!({"current": true})).unwrap();
    contexts::write(Path::new(&machine.config()), "home", &home, listener);
    let program = machine.start(&["watch", "--after", "0", "--json"]).await;
    program.until_printed("\"seq\":1").await;
    listener.unwrap().known.forget_all();
    machine.agent.cut();
    let ended = program.end().await;
    assert_eq!(ended.exit, Some(4), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("\"reason\":\"KEY_UNKNOWN\""),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn an_export_has_the_contexts_key_and_is_private() {
    let machine = Machine::new(script(&[welcome()])).await;
    assert_eq!(machine.enroll().await.exit, Some(0));
    let ended = machine
        .run(&["context", "export", "--pem", "new/keys"])
        .await;
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "new/keys/agent.pem\nnew/keys/client.pem\nnew/keys/client-key.pem\n"
    );
    let dir = machine.dir.path().join("new/keys");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    let context = machine.context_file().unwrap();
    let agent = &machine.agent.listener().unwrap().identity;
    for (file, label, der) in [
        ("agent.pem", "CERTIFICATE", base64(agent.certificate_der())),
        (
            "client.pem",
            "CERTIFICATE",
            context["certificate"].as_str().unwrap().to_owned(),
        ),
        (
            "client-key.pem",
            "PRIVATE KEY",
            context["key"].as_str().unwrap().to_owned(),
        ),
    ] {
        let path = dir.join(file);
        assert_eq!(mode(&path), 0o600);
        let text = fs::read_to_string(path).unwrap();
        let body = text
            .strip_prefix(&format!("-----BEGIN {label}-----\n"))
            .unwrap();
        let body = body
            .strip_suffix(&format!("-----END {label}-----\n"))
            .unwrap();
        assert_eq!(body.replace('\n', ""), der, "{file}");
    }
    let text = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!text.contains(context["key"].as_str().unwrap()));
    // Existing files may be another program's key.
    let key = dir.join("client-key.pem");
    fs::write(&key, "another's").unwrap();
    for file in ["agent.pem", "client.pem"] {
        fs::remove_file(dir.join(file)).unwrap();
    }
    let export = ["context", "export", "--pem", "new/keys"];
    let ended = machine.run(&export).await;
    assert_eq!(ended.exit, Some(2), "{}", ended.stderr);
    let text = "error: new/keys/client-key.pem exists already\nhint: name another directory, or replace the files with --force\n";
    assert_eq!(ended.stderr, text);
    assert_eq!(fs::read_to_string(&key).unwrap(), "another's");
    assert!(!dir.join("agent.pem").exists(), "nothing was written");
    let ended = machine.run(&[&export[..], &["--force"]].concat()).await;
    assert_eq!(ended.exit, Some(0), "{}", ended.stderr);
    assert!(fs::read_to_string(&key).unwrap().starts_with("-----BEGIN"));
}

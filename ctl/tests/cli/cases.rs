//! Runs the cases of `tests/cmd/*.toml`: arguments and script in; exact stdout, stderr, exit code,
//! and what the agent was asked, out.
//!
//! `{dir}` in a case is its own empty directory; `{token}` is the part of a token that is new each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::watch;

use crate::program::Program;
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    args: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    stdin: Option<String>,
    /// Ctrl-C when this was printed.
    interrupt: Option<String>,
    /// Ctrl-C when the agent was asked something that starts so.
    interrupt_when_asked: Option<String>,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    exit: i32,
    /// No agent listens when there is none.
    agent: Option<Script>,
    /// What it was asked, if that matters.
    asked: Option<Vec<String>>,
}

macro_rules! files {
    ($($name:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $name() {
            run(stringify!($name)).await;
        })+

        #[test]
        fn every_file_is_run() {
            let mut found: Vec<String> = fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into())
                .collect();
            found.sort();
            assert_eq!(found, [$(stringify!($name)),+]);
        }
    };
}

files!(
    address, health, pair, send, silence, status, unpair, usage, watch
);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd")
}

async fn run(name: &str) {
    let text = fs::read_to_string(folder().join(name).with_extension("toml")).unwrap();
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut wrong = Vec::new();
    for case in file.case {
        let title = case.name.clone();
        if let Err(difference) = check(case).await {
            wrong.push(format!("--- {title}\n{difference}"));
        }
    }
    assert!(wrong.is_empty(), "{name}.toml:\n{}", wrong.join("\n"));
}

async fn check(case: Case) -> Result<(), String> {
    let dir = tempfile::tempdir().unwrap();
    let here = dir.path().to_string_lossy().into_owned();
    let fill = |text: &String| text.replace("{dir}", &here);
    let mut env = case.env;
    env.values_mut().for_each(|value| *value = fill(value));
    if !env.contains_key("OPENCLAW_AGENT") {
        env.insert("OPENCLAW_AGENT".into(), format!("unix:{here}/agent.sock"));
    }
    let printed = Arc::new(watch::Sender::default());
    let agent = match case.agent {
        Some(script) => Some(
            ScriptedAgent::start(&dir.path().join("agent.sock"), script, printed.subscribe()).await,
        ),
        None => None,
    };
    let args: Vec<String> = case.args.iter().map(fill).collect();
    let program = Program::start(dir.path(), &args, &env, case.stdin.as_deref(), &printed).await;
    if let Some(text) = &case.interrupt {
        program.until_printed(text).await;
        program.interrupt();
    }
    if let (Some(call), Some(agent)) = (&case.interrupt_when_asked, &agent) {
        agent.until_asked(call).await;
        program.interrupt();
    }
    let ended = program.end().await;

    let tidy = |text: &str| without_tokens(&text.replace(&here, "{dir}"));
    let mut wrong = String::new();
    let mut compare = |what: &str, expected: &str, found: &str| {
        if expected != found {
            wrong += &format!("{what} expected:\n{expected}\n{what} found:\n{found}\n");
        }
    };
    compare("stdout", &case.stdout, &tidy(&ended.stdout));
    compare("stderr", &case.stderr, &tidy(&ended.stderr));
    compare(
        "exit",
        &format!("{:?}", Some(case.exit)),
        &format!("{:?}", ended.exit),
    );
    if let Some(asked) = case.asked {
        let agent = agent.as_ref().expect("an agent to be asked");
        if let Some(last) = asked.last().filter(|last| last.ends_with("closed")) {
            agent.until_asked(last).await;
        }
        compare("asked", &asked.join("\n"), &tidy(&agent.asked().join("\n")));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// `ctl-` and 32 hexadecimal digits become `ctl-{token}`.
fn without_tokens(text: &str) -> String {
    let mut tidy = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("ctl-") {
        let (before, token) = rest.split_at(at + 4);
        let digits = token.bytes().take_while(u8::is_ascii_hexdigit).count();
        tidy.push_str(before);
        rest = if digits == 32 {
            tidy.push_str("{token}");
            &token[32..]
        } else {
            token
        };
    }
    tidy + rest
}

//! Runs the cases in `tests/cmd/*.toml`: from arguments and a script to the exact stdout, stderr, exit code, and calls
//! to the agent.
//!
//! Placeholders in a case: `{dir}` is its directory; `{tests}` that of these tests; `{token}` the random part of a token; `{store}`, `{made}` and
//! `{size}` a backup's store id, time and size, and `{at}` a position in it. `{agent}` is the loopback address of the
//! scripted agent, `{code}` its code, and `{agent_key}` the fingerprint of its key; `{key}` is any other fingerprint,
//! `{new_code}` any other code.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::watch;

use crate::contexts::{self, Context};
use crate::program::Program;
use crate::script::Script;
use crate::scripted_agent::{Listener, ScriptedAgent, code};
use crate::sealed::{self, Recipe};

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
    /// Ctrl-C after this was printed.
    interrupt: Option<String>,
    /// Ctrl-C after a call that starts with this.
    interrupt_when_asked: Option<String>,
    #[serde(default)]
    stdout: String,
    #[serde(default)]
    stderr: String,
    exit: i32,
    /// Without it, no agent listens.
    agent: Option<Script>,
    /// Further agents, each with a context of its name.
    #[serde(default)]
    fleet: BTreeMap<String, Script>,
    /// The expected calls, if they matter.
    asked: Option<Vec<String>>,
    /// Backups and other files in the directory before the start.
    #[serde(default)]
    backups: BTreeMap<String, Recipe>,
    #[serde(default)]
    files: BTreeMap<String, String>,
    /// The directories that get a Baileys directory.
    #[serde(default)]
    baileys: Vec<String>,
    /// Contexts in the directory's `config` before the start.
    #[serde(default)]
    contexts: BTreeMap<String, Context>,
    /// All files in the directory afterwards, if they matter; for a text file its content.
    left: Option<BTreeMap<String, String>>,
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
    about,
    address,
    alerts,
    all,
    allow,
    backup,
    chats,
    clients,
    console,
    consumers,
    contact,
    context,
    doctor,
    enroll,
    events,
    group,
    health,
    history,
    import,
    lookup,
    mcp,
    media,
    numbers,
    outbox,
    pair,
    pair_passkey,
    poll_results,
    restore,
    resume,
    rollback,
    send,
    settings,
    silence,
    status,
    unpair,
    usage,
    verify,
    watch,
    watch_chats,
    watch_place,
    watch_presence
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
    sealed::write(dir.path(), &case.backups);
    for (name, content) in &case.files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        // Files are private; in a case with another mode, the file name says so.
        if !name.contains('/') && !name.ends_with(".0644") {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }
    case.baileys
        .iter()
        .for_each(|name| recorded(&dir.path().join(name)));
    let printed = Arc::new(watch::Sender::default());
    let agent = match case.agent {
        Some(script) => Some(
            ScriptedAgent::start(&dir.path().join("agent.sock"), script, printed.subscribe()).await,
        ),
        None => None,
    };
    let listener = agent.as_ref().and_then(ScriptedAgent::listener);
    for (name, context) in &case.contexts {
        contexts::write(&dir.path().join("config"), name, context, listener);
    }
    let endpoint = listener.map_or("", |listener| &listener.endpoint);
    let mut fleet = Vec::new();
    for (name, script) in case.fleet {
        let socket = dir.path().join(format!("{name}.sock"));
        let agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
        let context = Context::default();
        contexts::write(
            &dir.path().join("config"),
            &name,
            &context,
            agent.listener(),
        );
        fleet.push(agent);
    }
    let fill = |text: &String| {
        let text = text.replace("{dir}", &here).replace("{agent}", endpoint);
        let text = text.replace("{tests}", concat!(env!("CARGO_MANIFEST_DIR"), "/tests"));
        let agent_key = listener.map(|listener| listener.identity.fingerprint().to_string());
        let text = text.replace("{agent_key}", &agent_key.unwrap_or_default());
        text.replace("{code}", &code().reveal())
    };
    let mut env = case.env;
    env.values_mut().for_each(|value| *value = fill(value));
    if !env.contains_key("OPENCLAW_AGENT") {
        env.insert("OPENCLAW_AGENT".into(), format!("unix:{here}/agent.sock"));
    }
    let args: Vec<String> = case.args.iter().map(fill).collect();
    let stdin = case.stdin.as_ref().map(fill);
    let program = Program::start(dir.path(), &args, &env, stdin.as_deref(), &printed).await;
    if let Some(text) = &case.interrupt {
        program.until_printed(text).await;
        program.interrupt();
    }
    if let (Some(call), Some(agent)) = (&case.interrupt_when_asked, &agent) {
        agent.until_asked(call).await;
        program.interrupt();
    }
    let ended = program.end().await;

    let made = sealed::made().to_string();
    let tidy = |text: &str| {
        let text = text.replace(&here, "{dir}").replace(&made, "{made}");
        let text = without_codes(&without_keys(&text, listener));
        let text = without_stores(&without_tokens(&without_one_time_keys(&text)));
        without_number(
            &without_number(&text, "at byte ", "{at}"),
            "\"bytes\":",
            "{size}",
        )
    };
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
    if let Some(left) = case.left {
        let shown = |left: BTreeMap<String, String>| format!("{left:#?}");
        let mut found = files(dir.path());
        found.values_mut().for_each(|text| *text = tidy(text));
        compare("left", &shown(left), &shown(found));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Writes the Baileys directory of the import tests, byte for byte.
fn recorded(folder: &Path) {
    let lines = include_str!("../../../whatsapp/src/store/baileys/tests/recorded.json").lines();
    let files = lines.filter_map(|line| line.trim_end_matches(',').split_once(": "));
    fs::create_dir_all(folder).unwrap();
    for (name, content) in files {
        fs::write(folder.join(name.trim_matches('"')), content).unwrap();
    }
}

/// Replaces keys that are generated for a call: 32 bytes in base64. A fixed key in a file begins with the byte 0.
fn without_one_time_keys(text: &str) -> String {
    const MARK: &str = "{\"key\":\"";
    let mut parts = text.split(MARK);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tidy, part| {
        let (key, rest) = part.split_at(part.find('"').unwrap_or(0));
        let is_random = key.len() == 44 && !key.starts_with("AAEC");
        tidy + MARK + if is_random { "{once}" } else { key } + rest
    })
}

/// Replaces the address and keys of an agent on loopback.
fn without_keys(text: &str, listener: Option<&Listener>) -> String {
    let mut tidy = text.replace(&*code().reveal(), "{code}");
    if let Some(listener) = listener {
        tidy = tidy.replace(&listener.endpoint, "{agent}");
        tidy = tidy.replace(&listener.identity.fingerprint().to_string(), "{agent_key}");
    }
    let mut rest = tidy.as_str();
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("SHA256:") {
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
        let key = after.len() - after.trim_start_matches(is_key).len();
        text = text + before + if key == 43 { "{key}" } else { "SHA256:" };
        rest = if key == 43 { &after[43..] } else { after };
    }
    text + rest
}

/// Replaces random codes: 32 symbols in groups of four.
fn without_codes(text: &str) -> String {
    let is_code = |word: &str| {
        let groups: Vec<&str> = word.split('-').collect();
        let is_group =
            |group: &&str| group.len() == 4 && group.bytes().all(|b| b.is_ascii_alphanumeric());
        groups.len() == 8 && groups.iter().all(is_group)
    };
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut tidy = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
        tidy = tidy + before + if is_code(word) { "{new_code}" } else { word };
        rest = after;
    }
    tidy + rest
}

/// Replaces `ctl-` and 32 hexadecimal digits by `ctl-{token}`.
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

/// Replaces the digits after `mark` by `name`: the sizes of encrypted parts depend on the format only.
fn without_number(text: &str, mark: &str, name: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |tidy, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        tidy + mark + name + rest
    })
}

/// Replaces the store id of a backup, 32 hexadecimal digits, by `{store}`. Ids in a case repeat one digit, and are
/// kept.
fn without_stores(text: &str) -> String {
    let mut tidy = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let end = digits.max(c.len_utf8());
        let (word, after) = rest.split_at(end);
        let plain = word.bytes().all(|digit| digit == word.as_bytes()[0]);
        tidy.push_str(if digits == 32 && !plain {
            "{store}"
        } else {
            word
        });
        rest = after;
    }
    tidy
}

/// The files below `dir`, except the agent's socket; binary files as their size.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let content = String::from_utf8(fs::read(entry.path()).unwrap());
                let content = content.unwrap_or_else(|_| "sealed".to_owned());
                let path = entry.path();
                let content = contexts::summary(&path, &content).unwrap_or(content);
                let name = path.strip_prefix(dir).unwrap().to_string_lossy();
                found.insert(name.into_owned(), content);
            }
        }
    }
    found
}

//! What an attacker can find: in the volume's files, the output, the environment, and memory.

use std::fs;
use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::By;
use openclaw_vault::Secret;

use crate::harness::{
    ACCOUNT, ANNA, BERT, Bare, Copies, POLL, STARTED, TEST_TIMEOUT, WORD, World, bare, copies, lid,
    new_key, occurrences, open, places,
};

/// The maximum number of copies of a private key in the library's live state.
const IN_USE: usize = 6;

/// A linked agent that has exchanged messages in a direct chat and in a group.
async fn with_traffic() -> World {
    let world = World::linked().await;
    let mut events = world.watch().await;
    let group = world.phone().create_group("Herons", &[ANNA, BERT]).await;
    let group = group.unwrap();
    world.send(ANNA, &format!("{WORD} to Anna")).await.unwrap();
    world.send(&group, &format!("{WORD} to all")).await.unwrap();
    let anna = world.peer(ANNA);
    for by in [By::Lid, By::Pn] {
        anna.send_text(ACCOUNT, &format!("{WORD} back"), by)
            .await
            .unwrap();
    }
    anna.send_to_group(&group, &format!("{WORD} from all"))
        .await
        .unwrap();
    events.texts(3).await;
    world.all_acked().await;
    world
}

/// Numbers, names and words that were used.
fn words(world: &World) -> Vec<Vec<u8>> {
    let digits = |number: &str| number.trim_start_matches('+').as_bytes().to_vec();
    let mut words: Vec<_> = world
        .sim
        .numbers()
        .iter()
        .map(|number| digits(number))
        .collect();
    words.extend(
        world
            .sim
            .numbers()
            .iter()
            .map(|number| lid(number).into_bytes()),
    );
    words.extend(
        [WORD, "Herons", "s.whatsapp.net", "@lid", "User 000"].map(|word| word.as_bytes().to_vec()),
    );
    words
}

fn contents(dir: &Path) -> Vec<u8> {
    let files = fs::read_dir(dir).unwrap();
    files
        .flat_map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

#[tokio::test]
async fn the_volume_and_the_output_have_no_number_name_text_or_key() {
    let mut world = with_traffic().await;
    let opened = open(&world.agent.volume(), &world.agent.key_file());
    assert_eq!(world.agent.terminate().await.code(), Some(0));
    let (stdout, stderr) = world.agent.output();
    let printed = [stdout, stderr].concat().join("\n").into_bytes();
    let volume = contents(&world.agent.volume());
    assert!(volume.len() > 50_000, "{} bytes are searched", volume.len());
    let mut inside = 0;
    for word in words(&world) {
        let shown = String::from_utf8_lossy(&word);
        inside += occurrences(&opened.records, &word);
        assert_eq!(occurrences(&volume, &word), 0, "{shown} is on the volume");
        assert_eq!(occurrences(&printed, &word), 0, "{shown} was printed");
    }
    assert!(
        inside > 10,
        "what is searched for is in the store: {inside}"
    );
    let key_text = fs::read_to_string(world.agent.key_file()).unwrap();
    let Ok(Secret::Raw(key)) = Secret::parse_key(&key_text) else {
        panic!("a key file")
    };
    let mut keys = opened.keys;
    keys.push(("the key", key.bytes().to_vec()));
    keys.push(("the key's text", key_text.trim().as_bytes().to_vec()));
    for (name, key) in &keys {
        for (place, bytes) in [("volume", &volume), ("output", &printed)] {
            assert_eq!(occurrences(bytes, key), 0, "{name} is in the {place}");
        }
    }
    world.finish().await;
}

/// The numbers of docs/security.md ("Memory"): no copies on the stack, and those of the library's live state on the
/// heap.
#[tokio::test]
async fn an_idle_agent_has_no_key_on_its_stack_and_few_copies_on_its_heap() {
    let world = World::linked().await;
    world.all_acked().await;
    let opened = open(&world.agent.volume(), &world.agent.key_file());
    let pid = world.agent.pid();
    let found = || {
        let keys = opened.keys.iter();
        keys.map(|(name, key)| (*name, places(pid, key)))
            .collect::<Vec<_>>()
    };
    let is_idle = |found: &[(&str, Copies)]| {
        let few = |(name, copies): &(&str, Copies)| {
            let most = if *name == "data key" { 1 } else { IN_USE };
            copies.stack == 0 && (1..=most).contains(&copies.elsewhere)
        };
        found.iter().all(few)
    };
    // The work after a link is finished within seconds.
    let resting = async {
        while !is_idle(&found()) {
            tokio::time::sleep(POLL).await;
        }
    };
    let rested = tokio::time::timeout(TEST_TIMEOUT, resting).await;
    println!("{:?}", found());
    assert!(rested.is_ok(), "{:?}", found());
    world.finish().await;
}

#[tokio::test]
async fn no_key_or_text_of_an_unpaired_account_stays_in_memory_or_on_the_volume() {
    let world = with_traffic().await;
    let opened = open(&world.agent.volume(), &world.agent.key_file());
    let pid = world.agent.pid();
    let in_use: Vec<_> = opened
        .keys
        .iter()
        .map(|(name, key)| (*name, copies(pid, key)))
        .collect();
    for (name, copies) in &in_use {
        assert!(
            // A few, not one per use: the number depends on the current depth of the stacks.
            (1..=32).contains(copies) || *name == "adv_secret_key",
            "in use: {in_use:?}"
        );
    }
    assert!(world.unpair().await.unwrap());
    assert_eq!(world.agent.pid(), pid, "the same process");
    world.agent.until_state(LinkState::Unlinked).await;
    for (name, key) in &opened.keys {
        assert_eq!(copies(pid, key), 0, "{name} is in memory");
        let volume = contents(&world.agent.volume());
        assert_eq!(occurrences(&volume, key), 0, "{name} is on the volume");
    }
    for word in [WORD.as_bytes(), b"Herons", &lid(ANNA).into_bytes()] {
        let word: &[u8] = word;
        let shown = String::from_utf8_lossy(word);
        assert_eq!(copies(pid, word), 0, "{shown} is in memory");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_key_in_the_environment_is_wiped_there_and_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let key = new_key().await;
    let mut agent = bare::binary(folder.path());
    agent
        .arg("--allow-inspection")
        .env("OPENCLAW_AUTH_KEY", &key);
    let mut agent = Bare::start(&mut agent);
    agent.logged(STARTED).await;
    let pid = agent.pid();
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8(environment).unwrap();
    assert!(!environment.contains(&key));
    assert!(!environment.contains("OPENCLAW_AUTH_KEY="));
    assert!(environment.contains("OPENCLAW_AUTH_KEY_FD="), "where it is");
    assert!(environment.contains("OPENCLAW_AUTH_DIR="), "the rest stays");
    let Ok(Secret::Raw(raw)) = Secret::parse_key(&key) else {
        panic!("a key")
    };
    assert_eq!(copies(pid, key.as_bytes()), 0, "as text");
    assert_eq!(copies(pid, raw.bytes()), 0, "as bytes");
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    assert_eq!(occurrences(&arguments, key.as_bytes()), 0);
    assert_eq!(agent.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn status_shows_what_protects_the_process() {
    let world = World::new().await;
    let hardening = world.agent.status().await.hardening.unwrap();
    assert!(hardening.dumpable, "as the tests asked");
    assert!(!hardening.core_dumps);
    assert!(hardening.wipes_memory);
    assert_eq!(hardening.uid, rustix::process::geteuid().as_raw());
    for restriction in [hardening.landlock(), hardening.seccomp()] {
        assert_ne!(restriction, pb::Confinement::Unspecified);
    }
    let pid = world.agent.pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    if hardening.seccomp() == pb::Confinement::Enforced {
        assert!(status.contains("Seccomp:\t2"), "{status}");
    }
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file"));
    let core: Vec<_> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"]);
    world.finish().await;
}

#[tokio::test]
async fn processes_of_the_same_user_cannot_inspect_the_agent() {
    use std::os::unix::fs::MetadataExt as _;
    let folder = tempfile::tempdir().unwrap();
    let mut agent = bare::binary(folder.path());
    // Root owns the files of a process that is not dumpable, so root cannot check; another user can.
    agent.arg("--create-key-file");
    if rustix::process::geteuid().is_root() {
        use std::os::unix::fs::chown;
        let program = folder.path().join("openclaw-agent");
        fs::copy(bare::BINARY, &program).unwrap();
        chown(folder.path(), Some(65532), Some(65532)).unwrap();
        agent = bare::command(program.to_str().unwrap(), folder.path());
        agent.arg("--create-key-file").uid(65532).gid(65532);
    }
    let mut agent = Bare::start(&mut agent);
    agent.logged(STARTED).await;
    let memory = fs::metadata(format!("/proc/{}/mem", agent.pid())).unwrap();
    assert_eq!(memory.uid(), 0, "not its own user's");
    assert_eq!(agent.terminate().await.code(), Some(0));
}

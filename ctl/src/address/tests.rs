//! Tests of the resolution of addresses.

use super::*;
use crate::context::tests::context;

fn parsed(given: &str) -> Result<Address, Exit> {
    let dir = tempfile::tempdir().unwrap();
    parse(given, "--agent", &Store::in_dir(dir.path())).map_err(|failure| failure.exit())
}

fn is_unix(address: Result<Address, Exit>, path: &str) -> bool {
    matches!(address, Ok(Address::Unix(found)) if found == Path::new(path))
}

#[test]
fn every_spelling_of_a_socket_is_equal() {
    for given in ["unix:/run/a.sock", "unix:///run/a.sock", "/run/a.sock"] {
        assert!(is_unix(parsed(given), "/run/a.sock"));
    }
}

#[test]
fn plain_text_is_restricted_to_loopback() {
    for given in [
        "127.0.0.1:50051",
        "http://localhost:50051",
        "[::1]:50051",
        "http://127.9.9.9:1/",
    ] {
        assert!(matches!(parsed(given), Ok(Address::Loopback(_))), "{given}");
    }
    for given in [
        "10.0.0.1:50051",
        "example.com:443",
        "0.0.0.0:1",
        "https://127.0.0.1:1",
        "::1:50051",
        "[::]:1",
        "127.0.0.1.example.com:1",
        "http://10.0.0.1:50051",
    ] {
        assert!(parsed(given).is_err(), "{given}");
    }
}

#[test]
fn an_invalid_address_is_refused() {
    for given in [
        "",
        "unix:",
        "agent",
        "127.0.0.1",
        "127.0.0.1:0",
        ":50051",
        "127.0.0.1:port",
        "127.0.0.1:70000",
    ] {
        assert!(parsed(given).is_err(), "{given}");
    }
}

/// Each setting overrides all that follow it.
#[test]
fn flags_override_variables_and_variables_override_contexts() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    for (name, endpoint) in [("flag", "a:1"), ("variable", "b:1"), ("current", "c:1")] {
        store.save(&context(name, endpoint)).unwrap();
    }
    let named: Name = "flag".parse().unwrap();
    store.set_current(&"current".parse().unwrap()).unwrap();
    let runtime = dir.path().join("run");
    std::fs::create_dir_all(runtime.join("openclaw")).unwrap();
    std::fs::write(runtime.join("openclaw/agent.sock"), "").unwrap();
    let mut flags = Flags {
        agent: Some("/run/flag.sock"),
        context: None,
    };
    let mut env = Environment {
        agent: Some("/run/variable.sock".into()),
        context: Some("variable".into()),
        socket: Some("/run/named.sock".into()),
        runtime_dir: Some(runtime),
    };
    let found = |flags, env: &Environment| resolve(flags, env, &store).unwrap().to_string();
    assert_eq!(found(flags, &env), "unix:/run/flag.sock");
    flags = Flags {
        agent: None,
        context: Some(&named),
    };
    assert_eq!(found(flags, &env), "a:1");
    flags = Flags::default();
    assert_eq!(found(flags, &env), "unix:/run/variable.sock");
    env.agent = None;
    assert_eq!(found(flags, &env), "b:1");
    env.context = None;
    assert_eq!(found(flags, &env), "unix:/run/named.sock");
    env.socket = None;
    assert_eq!(found(flags, &env), "c:1");
    store.remove(&"current".parse().unwrap()).unwrap();
    assert!(found(flags, &env).ends_with("run/openclaw/agent.sock"));
}

#[test]
fn a_wrong_flag_is_usage_and_a_wrong_variable_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    let exit = |flags, env: &Environment| {
        let resolved = resolve(flags, env, &store);
        resolved.map_err(|failure| failure.exit()).err()
    };
    let nowhere: Name = "nowhere".parse().unwrap();
    let none = Environment::default();
    let flags = Flags {
        agent: Some("not an address"),
        context: None,
    };
    assert_eq!(exit(flags, &none), Some(Exit::Usage));
    let flags = Flags {
        agent: None,
        context: Some(&nowhere),
    };
    assert_eq!(exit(flags, &none), Some(Exit::Usage));
    let both = Flags {
        agent: Some("/run/a.sock"),
        ..flags
    };
    assert_eq!(exit(both, &none), Some(Exit::Usage));
    for env in [
        Environment {
            agent: Some("not an address".into()),
            ..Environment::default()
        },
        Environment {
            context: Some("nowhere".into()),
            ..Environment::default()
        },
        Environment {
            context: Some("../nowhere".into()),
            ..Environment::default()
        },
    ] {
        assert_eq!(exit(Flags::default(), &env), Some(Exit::Configuration));
    }
    store.set_current(&nowhere).unwrap();
    assert_eq!(exit(Flags::default(), &none), Some(Exit::Configuration));
}

/// Otherwise, an agent enrolled with on this machine would be contacted in plain text.
#[test]
fn a_context_wins_over_plain_text_unless_requested() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    store.save(&context("here", "127.0.0.1:50051")).unwrap();
    let parsed = |given| parse(given, "--agent", &store).unwrap();
    for given in ["127.0.0.1:50051", "https://127.0.0.1:50051"] {
        assert!(matches!(parsed(given), Address::Context(_)), "{given}");
    }
    for given in [
        "http://127.0.0.1:50051",
        "127.0.0.1:50052",
        "localhost:50051",
    ] {
        assert!(matches!(parsed(given), Address::Loopback(_)), "{given}");
    }
}

#[test]
fn the_current_context_wins_among_those_with_one_endpoint() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::in_dir(dir.path());
    for name in ["one", "two"] {
        store.save(&context(name, "agent:1")).unwrap();
    }
    let which = || match parse("AGENT:1", "--agent", &store) {
        Ok(Address::Context(context)) => Ok(context.name().to_string()),
        other => Err(other
            .map(|address| address.to_string())
            .unwrap_err()
            .to_string()),
    };
    assert_eq!(
        which(),
        Err("several contexts have the endpoint agent:1: one, two".to_owned())
    );
    store.set_current(&"two".parse().unwrap()).unwrap();
    assert_eq!(which(), Ok("two".to_owned()));
}

//! Tests of the settings.

use super::*;

fn flags() -> Flags {
    Flags {
        whatsapp_url: cfg!(feature = "sim").then(|| "ws://127.0.0.1:1/ws/chat".to_owned()),
        ..Flags::default()
    }
}

fn check(flags: Flags) -> Result<Config, Error> {
    let volume = crate::host::volume::Flags {
        auth_key_file: Some("/auth.key".into()),
        ..Default::default()
    };
    let secrets = openclaw_harden::environment::take(&[]).expect("no variable is taken");
    let mut mistakes = Vec::new();
    let place = volume.place(&mut mistakes);
    let secrets = std::sync::Arc::new(secrets);
    let source = volume.source(&secrets, false, &mut mistakes);
    Config::check_in(None, flags, place, source, None, &secrets, mistakes)
}

fn plaintext(address: &str) -> network::Flags {
    network::Flags {
        listen_plaintext: Some(address.into()),
        ..Default::default()
    }
}

fn mistakes(flags: Flags) -> Vec<String> {
    match check(flags) {
        Err(Error::Values(mistakes)) => mistakes.into_iter().map(|it| it.text).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_defaults_are_valid() {
    let config = check(flags()).unwrap();
    assert_eq!(config.socket, PathBuf::from("/run/openclaw/agent.sock"));
    assert_eq!(config.http, "[::]:8080".parse().unwrap());
    assert_eq!(config.network.plaintext, None);
}

#[test]
fn railways_port_is_used_and_the_flag_wins() {
    let config = check(Flags {
        port: Some("5000".into()),
        ..flags()
    })
    .unwrap();
    assert_eq!(config.http, "[::]:5000".parse().unwrap());
    let both = Flags {
        port: Some("5000".into()),
        http: Some("127.0.0.1:1".into()),
        ..flags()
    };
    assert_eq!(check(both).unwrap().http, "127.0.0.1:1".parse().unwrap());
}

#[test]
fn every_mistake_is_reported_at_once() {
    let wrong = Flags {
        network: plaintext("0.0.0.0:9443"),
        http: Some("nowhere".into()),
        port: Some("99999".into()),
        keepalive_limit: Some("0".into()),
        log: Some("loud".into()),
        run_as: Some("0:0".into()),
        whatsapp_url: Some("wss://web.whatsapp.com/ws/chat".into()),
        ..flags()
    };
    assert_eq!(mistakes(wrong).len(), 7);
}

#[test]
fn plain_text_is_restricted_to_loopback() {
    let wrong = |listen: &str| {
        mistakes(Flags {
            network: plaintext(listen),
            ..flags()
        })
    };
    assert!(wrong("0.0.0.0:1")[0].contains("not loopback"));
    assert!(wrong("[::]:1")[0].contains("loopback"));
    assert!(
        check(Flags {
            network: plaintext("[::1]:1"),
            ..flags()
        })
        .is_ok()
    );
}

//! Every form of the QR code is decoded by an independent decoder.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::picture::Picture;
use crate::program::{Ended, Program};
use crate::script::Script;
use crate::scripted_agent::ScriptedAgent;

/// As long as WhatsApp's payloads; the content is fictitious.
pub(crate) const PAYLOAD: &str = "https://wa.me/settings/linked_devices#2@AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj,\
AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=,BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=,\
CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCA=,1";

const BLACK: u8 = 0;
const WHITE: u8 = 255;

/// Pairs with `args` and a pipe as stdout; `look` runs while the code is valid.
async fn pair(args: &[&str], then: &str, look: impl FnOnce(&std::path::Path)) -> Ended {
    let steps: Vec<Value> = vec![
        json!({"qr": {"payload": PAYLOAD, "ordinal": 1}}),
        json!({"when": then}),
        json!({"hold": true}),
    ];
    let script = Script {
        pair: [steps].into(),
        ..Script::default()
    };
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("agent.sock");
    let printed = Arc::new(watch::Sender::default());
    let _agent = ScriptedAgent::start(&socket, script, printed.subscribe()).await;
    let address = format!("unix:{}", socket.display());
    let env = BTreeMap::from([("OPENCLAW_AGENT".to_owned(), address)]);
    let args: Vec<String> = ["pair"]
        .iter()
        .chain(args)
        .map(ToString::to_string)
        .collect();
    let program = Program::start(dir.path(), &args, &env, None, &printed).await;
    program.until_printed(then).await;
    look(dir.path());
    program.interrupt();
    let ended = program.end().await;
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "agent.sock")
        .collect();
    assert!(left.is_empty(), "a credential was left behind: {left:?}");
    ended
}

#[tokio::test]
async fn half_blocks_in_a_pipe_decode_on_a_dark_terminal() {
    let ended = pair(&[], "\n\n", |_| {}).await;
    let seen = Picture::of_text(&ended.stdout, WHITE, BLACK).read();
    assert_eq!(seen.as_deref(), Some(PAYLOAD));
}

#[tokio::test]
async fn inverted_half_blocks_decode_on_a_light_terminal() {
    let ended = pair(&["--invert"], "\n\n", |_| {}).await;
    let seen = Picture::of_text(&ended.stdout, BLACK, WHITE).read();
    assert_eq!(seen.as_deref(), Some(PAYLOAD));
}

#[tokio::test]
async fn ascii_output_is_ascii_and_decodes() {
    let ended = pair(&["--format", "ascii"], "\n\n", |_| {}).await;
    assert!(ended.stdout.is_ascii() && ended.stderr.is_ascii());
    let seen = Picture::of_text(&ended.stdout, WHITE, BLACK).read();
    assert_eq!(seen.as_deref(), Some(PAYLOAD));
}

#[tokio::test]
async fn inverted_ascii_decodes_on_paper() {
    let ended = pair(&["--format", "ascii", "--invert"], "\n\n", |_| {}).await;
    let seen = Picture::of_text(&ended.stdout, BLACK, WHITE).read();
    assert_eq!(seen.as_deref(), Some(PAYLOAD));
}

#[tokio::test]
async fn raw_is_the_payload() {
    let ended = pair(&["--format", "raw"], PAYLOAD, |_| {}).await;
    assert_eq!(ended.stdout, format!("{PAYLOAD}\n"));
}

#[tokio::test]
async fn a_png_decodes_and_is_private() {
    let mut seen = None;
    let ended = pair(&["--format", "png", "code.png"], "code written to", |dir| {
        let path = dir.join("code.png");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        seen = png_picture(&fs::read(path).unwrap()).read();
    })
    .await;
    assert_eq!(seen.as_deref(), Some(PAYLOAD));
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn all_spellings_of_an_output_file_are_equivalent() {
    for args in [
        &["--format", "png=code.png"][..],
        &["--format", "png", "-o", "code.png"],
    ] {
        let mut seen = None;
        pair(args, "code written to", |dir| {
            seen = png_picture(&fs::read(dir.join("code.png")).unwrap()).read();
        })
        .await;
        assert_eq!(seen.as_deref(), Some(PAYLOAD), "{args:?}");
    }
}

#[tokio::test]
async fn an_svg_decodes() {
    let mut seen = None;
    pair(&["--format", "svg", "code.svg"], "code written to", |dir| {
        seen = Picture::of_svg(&fs::read(dir.join("code.svg")).unwrap()).read();
    })
    .await;
    assert_eq!(seen.as_deref(), Some(PAYLOAD));
}

fn png_picture(file: &[u8]) -> Picture {
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    Picture::new(usize::try_from(info.width).unwrap(), pixels)
}

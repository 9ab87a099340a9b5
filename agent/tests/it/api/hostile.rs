//! Invalid input: refused with a helpful error, and without effect.

use std::io;

use bytes::{Buf as _, BufMut as _};
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use prost_types::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Request, Status};

use crate::harness::{ACCOUNT, ANNA, TEST_TIMEOUT, WORD, World, kinds, refusal, request};

const METHODS: [&str; 6] = ["Pair", "Resume", "Status", "Send", "WatchEvents", "Unpair"];

fn bad_texts() -> Vec<String> {
    vec![
        String::new(),
        " ".to_owned(),
        "\0".to_owned(),
        "\u{1b}[2J\r\n".to_owned(),
        "+".to_owned(),
        "+0".to_owned(),
        "@".to_owned(),
        "@lid".to_owned(),
        "1@2@lid".to_owned(),
        "status@broadcast".to_owned(),
        "../../etc/passwd".to_owned(),
        "٣".repeat(11),
        "9".repeat(200_000),
    ]
}

fn bad_durations() -> [Duration; 6] {
    let of = |seconds, nanos| Duration { seconds, nanos };
    [
        of(-1, 0),
        of(0, -1),
        of(0, 0),
        of(i64::MAX, i32::MAX),
        of(i64::MIN, i32::MIN),
        of(1_000_000, 0),
    ]
}

fn invalid(status: &Status) {
    assert_eq!(
        refusal(status),
        (Code::InvalidArgument, "INVALID_ARGUMENT".to_owned()),
        "{status:?}"
    );
}

#[tokio::test]
async fn an_invalid_pair_request_is_refused_and_nothing_begins() {
    let world = World::new().await;
    for phone in bad_texts() {
        let method = pb::PhoneCodeMethod { phone };
        let request = pb::PairRequest {
            how: Some(pb::pair_request::How::PhoneCode(method)),
            ..Default::default()
        };
        invalid(&world.pair(request).await.err().unwrap());
    }
    for timeout in bad_durations() {
        let request = pb::PairRequest {
            timeout: Some(timeout),
            ..pb::PairRequest::by_qr()
        };
        invalid(&world.pair(request).await.err().unwrap());
    }
    assert_eq!(world.agent.link().await.state(), LinkState::Unlinked);
    assert_eq!(world.handshakes(), 0);
    world.finish().await;
}

#[tokio::test]
async fn a_bad_message_is_refused_and_not_sent() {
    let world = World::linked().await;
    let mut requests = Vec::new();
    for to in bad_texts() {
        requests.push(request(&to, WORD));
    }
    for text in [
        String::new(),
        " \n".to_owned(),
        format!("{WORD}\0"),
        WORD.repeat(10_000),
    ] {
        requests.push(request(ANNA, &text));
    }
    for token in [
        "a b".to_owned(),
        "é".to_owned(),
        "\n".to_owned(),
        "t".repeat(129),
    ] {
        requests.push(pb::SendRequest {
            client_token: token,
            ..request(ANNA, WORD)
        });
    }
    for wait in [pb::SendState::Failed.into(), 6, 99, -1, i32::MIN, i32::MAX] {
        requests.push(pb::SendRequest {
            wait,
            ..request(ANNA, WORD)
        });
    }
    for timeout in bad_durations() {
        requests.push(pb::SendRequest {
            timeout: Some(timeout),
            ..request(ANNA, WORD)
        });
    }
    for request in requests {
        invalid(&world.send_with(request).await.unwrap_err());
    }
    assert_eq!(world.peer(ANNA).inbox_len(), 0);
    world.everything_reports_connected().await;
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn a_bad_cursor_is_refused_or_harmless() {
    let world = World::linked().await;
    for kind in [0, 90, 99, -1, i32::MIN, i32::MAX] {
        let request = pb::WatchEventsRequest {
            filter: Some(pb::EventFilter {
                kinds: vec![kind],
                ..Default::default()
            }),
            ..Default::default()
        };
        invalid(&world.client().watch_events(request).await.unwrap_err());
    }
    let every = world.events().await;
    for after in [u64::MAX, u64::MAX - 1, i64::MAX.unsigned_abs()] {
        let request = pb::WatchEventsRequest {
            after: Some(after),
            follow: false,
            filter: kinds([pb::EventKind::Link; 10_000]),
            ..Default::default()
        };
        let seen = world.watch_with(request).await.all().await;
        assert_eq!(
            seen.first().map(|event| event.seq),
            every.first().map(|event| event.seq)
        );
    }
    world.agent.is_lean();
    world.finish().await;
}

/// Sends raw bytes in place of a message.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

impl World {
    /// Calls a method with these bytes as the request.
    async fn call_raw(&self, path: &str, message: Vec<u8>) -> Result<(), Status> {
        let mut client = tonic::client::Grpc::new(self.agent.channel());
        client.ready().await.unwrap();
        let path = path.parse().unwrap();
        let call = client.server_streaming(Request::new(message), path, Raw);
        let answer = tokio::time::timeout(TEST_TIMEOUT, call).await;
        let mut answer = answer.expect("an answer")?.into_inner();
        let first = tokio::time::timeout(TEST_TIMEOUT, answer.message()).await;
        first.expect("an answer").map(drop)
    }
}

#[tokio::test]
async fn malformed_bytes_are_refused_with_a_hint() {
    let world = World::linked().await;
    let garbage: [Vec<u8>; 4] = [
        vec![0xff; 64],
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x0a, 0x02, 0xc3, 0x28],
        // Nested groups: a decoder must not overflow its stack.
        vec![0x0b; 100_000],
    ];
    for method in METHODS {
        let path = format!("/openclaw.agent.v1.Agent/{method}");
        // Unknown fields are skipped, as protobuf requires, and are no error. So any valid message would execute
        // `Unpair`.
        let harmless = if method == "Unpair" {
            &[]
        } else {
            &garbage[..]
        };
        for message in harmless {
            if let Err(refused) = world.call_raw(&path, message.clone()).await {
                assert_eq!(refusal(&refused).0, Code::InvalidArgument, "{method}");
            }
        }
        let huge = world.call_raw(&path, vec![0; 10 << 20]).await.unwrap_err();
        refusal(&huge);
        world.agent.link().await;
    }
    for path in [
        "/openclaw.agent.v1.Agent/Nothing",
        "/nothing.Here/AtAll",
        "/",
    ] {
        let unknown = world.call_raw(path, Vec::new()).await.unwrap_err();
        assert_eq!(refusal(&unknown).0, Code::Unimplemented, "{path}");
    }
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn ten_megabytes_of_text_are_refused() {
    let world = World::linked().await;
    let text = WORD.repeat(1 << 20);
    let refused = world.send(ANNA, &text).await.unwrap_err();
    refusal(&refused);
    world.everything_reports_connected().await;
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn a_socket_that_speaks_something_else_is_closed() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let world = World::linked().await;
    let noise: Vec<u8> = (0..=u8::MAX).cycle().skip(7).take(64 << 10).collect();
    let after_preface = [PREFACE, noise.as_slice()].concat();
    let openings: [&[u8]; 5] = [
        b"GET /health HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        &noise,
        &after_preface,
        &[0; 9_000],
    ];
    for opening in openings {
        let mut stream = UnixStream::connect(&world.agent.socket).await.unwrap();
        // It may be closed before everything is written.
        let _ = stream.write_all(opening).await;
        let mut answer = Vec::new();
        let ended = tokio::time::timeout(TEST_TIMEOUT, stream.read_to_end(&mut answer)).await;
        assert!(ended.is_ok(), "it is closed");
    }
    world.everything_reports_connected().await;
    world.agent.is_lean();
    world.finish().await;
}

#[tokio::test]
async fn a_thousand_connections_leave_nothing_behind() {
    let world = World::linked().await;
    let before = world.agent.open_files();
    for n in 0..1_000 {
        let mut stream = connect(&world).await;
        if n % 2 == 0 {
            let _ = stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        }
    }
    world.agent.until_open_files(before + 2).await;
    world.everything_reports_connected().await;
    assert_eq!(world.agent.link().await.phone, ACCOUNT);
    world.agent.is_lean();
    world.finish().await;
}

/// A unix socket with a full backlog refuses at once; then the agent must accept first.
async fn connect(world: &World) -> UnixStream {
    let connecting = async {
        loop {
            match UnixStream::connect(&world.agent.socket).await {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::task::yield_now().await;
                }
                connected => break connected.unwrap(),
            }
        }
    };
    tokio::time::timeout(TEST_TIMEOUT, connecting)
        .await
        .expect("it is accepted")
}

//! Files, sent and received, over a media host with every kind of fault.

use std::io::Cursor;
use std::time::Duration;

use openclaw_sim::{Fault, MediaFault, Reupload, Spoilt, Transfer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use whatsapp_rust::download::MediaType;
use whatsapp_rust::features::{MediaRetryResult, MediaReuploadRequest};
use whatsapp_rust::types::events::Event;
use whatsapp_rust::upload::{UploadOptions, UploadResponse};
use whatsapp_rust::waproto::whatsapp as wa;
use whatsapp_rust::{Jid, buffa::MessageField};

use crate::client::{Companion, TEST_TIMEOUT, assert_clean};
use crate::control::Controlled;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";

/// The contact sends a file, and the client receives it.
async fn receives(
    server: &Controlled,
    companion: &Companion,
    content: Value,
) -> (String, wa::Message) {
    let body = json!({ "from": CONTACT, "to": ACCOUNT, "content": content });
    let sent = server.post("/peer/send", body).await;
    let id = sent["id"].as_str().expect("an id").to_owned();
    let message = companion
        .wait_for(|event| match event {
            Event::Messages(batch) => {
                let mut messages = batch.messages.iter();
                let found = messages.find(|inbound| inbound.info.id == id);
                found.map(|inbound| (*inbound.message).clone())
            }
            _ => None,
        })
        .await;
    (id, message)
}

fn fill(size: u64) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at % 251).expect("a byte"))
        .collect()
}

async fn fail(server: &Controlled, on: Transfer, how: Spoilt) {
    let fault = MediaFault::Next { on, how, count: 1 };
    server.sim.fault(Fault::Media(fault)).await;
}

fn image(upload: &UploadResponse) -> wa::Message {
    wa::Message {
        image_message: MessageField::some(wa::message::ImageMessage {
            url: Some(upload.url.clone()),
            direct_path: Some(upload.direct_path.clone()),
            media_key: Some(upload.media_key.to_vec()),
            file_sha256: Some(upload.file_sha256.to_vec()),
            file_enc_sha256: Some(upload.file_enc_sha256.to_vec()),
            file_length: Some(upload.file_length),
            mimetype: Some("image/jpeg".to_owned()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_each_kind_is_downloaded_and_decrypted() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let client = companion.client();
    let bytes = json!({ "image": { "bytes": "SGVsbG8=", "caption": "look" } });
    let (_, message) = receives(&server, &companion, bytes).await;
    let image = client.download(&*message.image_message).await;
    assert_eq!(image.expect("downloaded"), b"Hello");
    let size = 200_000;
    let media = || json!({ "fill": size });
    let (_, message) = receives(&server, &companion, json!({ "video": media() })).await;
    let video = client.download(&*message.video_message).await;
    assert_eq!(video.expect("downloaded"), fill(size));
    let (_, message) = receives(&server, &companion, json!({ "audio": media() })).await;
    let audio = client.download(&*message.audio_message).await;
    assert_eq!(audio.expect("downloaded"), fill(size));
    let (_, message) = receives(&server, &companion, json!({ "sticker": media() })).await;
    let sticker = client.download(&*message.sticker_message).await;
    assert_eq!(sticker.expect("downloaded"), fill(size));
    let (_, message) = receives(&server, &companion, json!({ "document": media() })).await;
    let document = message.document_message;
    assert_eq!(document.file_length, Some(size));
    let writer = Cursor::new(Vec::new());
    let document = client.download_to_writer(&*document, writer).await;
    assert_eq!(document.expect("downloaded").into_inner(), fill(size));
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contact_decrypts_a_clients_file() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let client = companion.client();
    let contact: Jid = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let upload = client.upload(fill(1_000), MediaType::Image, UploadOptions::new());
    let upload = upload.await.expect("uploaded");
    client
        .send_message(&contact, image(&upload))
        .await
        .expect("sent");
    let peer = server.sim.peer(CONTACT).expect("peer");
    peer.wait_for(|_| true, TEST_TIMEOUT)
        .await
        .expect("arrived");
    let inbox = server.get("/peer/inbox?peer=15550100002").await;
    let file = &inbox[0]["content"]["image"]["file"];
    assert_eq!(
        (&file["opened"], &file["size"]),
        (&json!(true), &json!(1_000))
    );
    assert_clean(&server.sim);
    // The message declares a wrong hash for its file.
    let mut lie = upload.clone();
    lie.file_sha256 = [0; 32];
    let lie = client.send_message(&contact, image(&lie)).await;
    let lie = lie.expect("sent").message_id;
    let arrived = peer
        .wait_for(|message| message.id == lie, TEST_TIMEOUT)
        .await;
    let why = "the SHA-256 does not match the file".to_owned();
    assert_eq!(arrived.expect("arrived").media, Some(Err(why)));
    // One violation for the contact, and one for the phone.
    let both = || server.sim.violations().len() == 2;
    server
        .sim
        .until(TEST_TIMEOUT, both)
        .await
        .expect("violations");
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_recovers_from_a_fault_or_reports_it() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let client = companion.client();
    let (_, message) = receives(&server, &companion, json!({ "image": { "fill": 100_000 } })).await;
    let image = message.image_message;
    // The library requests another token or address, and retries once.
    for status in [401, 403, 404, 410] {
        fail(&server, Transfer::Download, Spoilt::Status(status)).await;
        let image = client.download(&*image).await;
        assert_eq!(image.expect("downloaded"), fill(100_000), "{status}");
    }
    for how in [
        Spoilt::Status(500),
        Spoilt::Short(50_000),
        Spoilt::Cut(50_000),
        Spoilt::WrongMac,
    ] {
        fail(&server, Transfer::Download, how).await;
        assert!(client.download(&*image).await.is_err(), "{how:?}");
        client.download(&*image).await.expect("downloaded");
    }
    // Detected only by comparing the SHA-256.
    fail(&server, Transfer::Download, Spoilt::WrongHash).await;
    let other = client.download(&*image).await.expect("downloaded");
    assert_ne!(other, fill(100_000));
    fail(&server, Transfer::Download, Spoilt::Stall(10)).await;
    let silent = tokio::time::timeout(Duration::from_millis(500), client.download(&*image));
    assert!(silent.await.is_err(), "silence");
    server.sim.fault(Fault::Media(MediaFault::Expired)).await;
    client.download(&*image).await.expect("downloaded");
    assert_clean(&server.sim);
    // The stalled download blocks a thread until its host is gone.
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_recovers_from_faults_and_continues_where_it_was_cut() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let client = companion.client();
    let upload = |size| client.upload(fill(size), MediaType::Video, UploadOptions::new());
    for status in [401, 403] {
        fail(&server, Transfer::Upload, Spoilt::Status(status)).await;
        upload(1_000).await.expect("uploaded with another token");
    }
    for status in [500, 507] {
        fail(&server, Transfer::Upload, Spoilt::Status(status)).await;
        assert!(upload(1_000).await.is_err(), "{status}");
    }
    server.sim.fault(Fault::Media(MediaFault::Expired)).await;
    upload(1_000).await.expect("uploaded with another token");
    // From 5 MiB on, the library queries the progress of an upload.
    let size = 6 * 1024 * 1024;
    let key = UploadOptions::new().with_media_key([7; 32]);
    let large = || client.upload(fill(size), MediaType::Video, key.clone());
    fail(&server, Transfer::Upload, Spoilt::Cut(4 * 1024 * 1024)).await;
    assert!(large().await.is_err(), "cut");
    let done = large().await.expect("continued");
    assert_eq!(done.file_length, size);
    let again = large().await.expect("nothing to do");
    assert_eq!(again.direct_path, done.direct_path);
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_uploads_a_removed_file_again() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let client = companion.client();
    let (id, message) = receives(&server, &companion, json!({ "image": { "fill": 50 } })).await;
    let mut image = (*message.image_message).clone();
    let remove = json!({ "account": ACCOUNT, "id": id });
    server.post("/media/remove", remove).await;
    assert!(client.download(&image).await.is_err(), "gone");
    let chat: Jid = "15550100002@s.whatsapp.net".parse().expect("a jid");
    let key = image.media_key.clone().expect("a key");
    let request = |media_key| MediaReuploadRequest {
        msg_id: &id,
        chat_jid: &chat,
        media_key,
        is_from_me: false,
        participant: None,
    };
    let phone = server.sim.phone(ACCOUNT).expect("phone");
    for (answer, not_found) in [
        (Reupload::NotFound, true),
        (Reupload::DecryptionError, false),
    ] {
        phone.answer_reuploads(answer);
        let outcome = client.media_reupload().request(&request(&key)).await;
        let outcome = outcome.expect("an answer");
        assert_eq!(matches!(outcome, MediaRetryResult::NotFound), not_found);
        assert_eq!(
            matches!(outcome, MediaRetryResult::DecryptionError),
            !not_found
        );
    }
    let body = json!({ "account": ACCOUNT, "reupload": "success" });
    server.post("/phone/answers", body).await;
    let outcome = client.media_reupload().request(&request(&key)).await;
    let MediaRetryResult::Success { direct_path } = outcome.expect("an answer") else {
        panic!("no success");
    };
    image.direct_path = Some(direct_path);
    assert_eq!(client.download(&image).await.expect("downloaded"), fill(50));
    assert_clean(&server.sim);
    let wrong = client.media_reupload().request(&request(&[9; 32])).await;
    assert!(
        matches!(wrong, Ok(MediaRetryResult::DecryptionError)),
        "{wrong:?}"
    );
    assert_eq!(server.sim.violations().len(), 1);
    companion.stop().await;
}

/// A raw request to the media host. Returns the response's status, head and body.
async fn ask(server: &Controlled, request: String, body: &[u8]) -> (u16, String, Vec<u8>) {
    let url = server.sim.media_url();
    let at = url.strip_prefix("http://").expect("a URL");
    let mut stream = TcpStream::connect(at).await.expect("connect");
    let request = format!("{request}\r\nhost: sim\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("head");
    // A host that refuses a body may close the connection before it has read all of it.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let split = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let split = split.expect("an answer");
    let head = String::from_utf8(answer[..split].to_vec()).expect("text");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (
        status.expect("a status"),
        head,
        answer[split + 4..].to_vec(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_range_of_a_file_is_served_unless_the_host_does_not_support_it() {
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let (_, message) = receives(&server, &companion, json!({ "image": { "fill": 1_000 } })).await;
    let path = message.image_message.direct_path.clone().expect("a path");
    let get = |range: &str| format!("GET {path} HTTP/1.1\r\nrange: {range}");
    let (status, _, all) = ask(&server, format!("GET {path} HTTP/1.1"), b"").await;
    assert_eq!((status, all.len()), (200, 1_018));
    let (status, head, part) = ask(&server, get("bytes=1000-"), b"").await;
    assert_eq!((status, &part[..]), (206, &all[1_000..]));
    assert!(
        head.contains("content-range: bytes 1000-1017/1018"),
        "{head}"
    );
    let (status, ..) = ask(&server, get("bytes=1018-"), b"").await;
    assert_eq!(status, 416);
    server
        .post("/fault", json!({ "kind": "media_no_range" }))
        .await;
    let (status, _, whole) = ask(&server, get("bytes=1000-"), b"").await;
    assert_eq!((status, whole), (200, all));
    server
        .post("/fault", json!({ "kind": "media_slow", "rate": 1_000 }))
        .await;
    let begun = std::time::Instant::now();
    ask(&server, get("bytes=0-"), b"").await;
    assert!(begun.elapsed() > Duration::from_millis(800));
    server.post("/fault", json!({ "kind": "clear" })).await;
    let (status, ..) = ask(&server, get("bytes=1000-"), b"").await;
    assert_eq!(status, 206);
    assert_clean(&server.sim);
    companion.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_rule_of_the_media_host_is_a_violation() {
    /// SHA-256 of the empty string.
    const EMPTY: &str = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU";
    let server = Controlled::start().await;
    let companion = server.linked().await;
    let conn = companion
        .client()
        .refresh_media_conn(true)
        .await
        .expect("media_conn");
    let (_, message) = receives(&server, &companion, json!({ "image": { "fill": 1_000 } })).await;
    let path = message.image_message.direct_path.clone().expect("a path");
    let bare = path.split('?').next().expect("a path");
    let auth = conn.auth;
    let post = |path: &str, query: &str| {
        format!("POST {path}?auth={auth}&{query} HTTP/1.1\r\ncontent-length: 3")
    };
    let image = format!("/mms/image/{EMPTY}");
    let token = format!("token={EMPTY}");
    for (request, status, rule) in [
        (
            "POST /mms/image/x?auth=mine HTTP/1.1".to_owned(),
            401,
            "token of media_conn",
        ),
        (
            post(&format!("/mms/picture/{EMPTY}"), &token),
            404,
            "/mms/<kind>/<token>",
        ),
        (post(&image, "token=another"), 400, "path and query"),
        (
            post(&image, &format!("{token}&file_offset=5")),
            400,
            "at or before the received bytes",
        ),
        (post(&image, &token), 400, "matches the hash in its token"),
        (
            format!("POST {image}?auth={auth}&{token} HTTP/1.1\r\ntransfer-encoding: chunked"),
            411,
            "Content-Length",
        ),
        (format!("GET {bare} HTTP/1.1"), 403, "with the query"),
        (
            format!("GET {path}&{token} HTTP/1.1"),
            403,
            "encrypted SHA-256",
        ),
    ] {
        let before = server.sim.violations().len();
        let (found, ..) = ask(&server, request.clone(), b"abc").await;
        assert_eq!(found, status, "{request}");
        let violations = server.sim.violations();
        assert_eq!(violations.len(), before + 1, "{request}");
        assert!(
            violations[before].rule.contains(rule),
            "{}",
            violations[before]
        );
    }
    companion.stop().await;
}

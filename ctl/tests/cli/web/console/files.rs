//! Files: those of messages, for the browser, and those to send.

use serde_json::json;
use sha2::Digest as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{refused, served};
use crate::script::Script;
use crate::web::{Reply, Visitor, send};

impl Visitor {
    /// Sends a file, or what is said to be one.
    async fn upload(&self, query: &str, content_type: &str, body: &str) -> Reply {
        let path = format!("{}api/upload?{query}", self.base);
        let origin = format!("Origin: http://{}", self.host);
        let content_type = format!("Content-Type: {content_type}");
        let headers = [&self.cookie, &origin, content_type.as_str()];
        send(&self.host, "POST", &path, &headers, body).await
    }
}

impl Visitor {
    /// A response whose body may be no text.
    async fn get_raw(&self, path: &str) -> Reply {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let head = format!(
            "GET {}{path} HTTP/1.1\r\nHost: {}\r\n{}\r\n\r\n",
            self.base, self.host, self.cookie
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}

#[tokio::test]
async fn a_file_of_a_message_is_shown_only_if_its_bytes_are_a_picture() {
    let png = b"\x89PNG\r\n\x1a\nrest";
    let html = b"<script>alert(1)</script>";
    let stream = |bytes: &[u8], name: &str| {
        let sha256 = crate::script::base64(&sha2::Sha256::digest(bytes));
        vec![
            json!({"start": {"seq": 7, "media": {"kind": "MEDIA_KIND_IMAGE", "mime_type": "image/png", "file_name": name}}}),
            json!({"chunk": crate::script::base64(bytes)}),
            json!({"end": {"sha256": sha256, "size_bytes": bytes.len().to_string()}}),
        ]
    };
    let script = Script {
        download: [
            stream(png, ""),
            stream(png, "../harbour.png"),
            stream(html, "page.html"),
            vec![refused("ROLE")],
        ]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let headers = |reply: &Reply| {
        let of = |name| reply.header(name).unwrap_or_default().to_owned();
        let policy = of("content-security-policy");
        assert!(policy.ends_with("; sandbox"), "{policy}");
        assert_eq!(of("x-content-type-options"), "nosniff");
        (of("content-type"), of("content-disposition"))
    };
    for (path, content_type, disposition) in [
        (
            "api/media?seq=7",
            "image/png",
            "inline; filename*=UTF-8''image-7.png",
        ),
        (
            "api/media?seq=7&save=1",
            "application/octet-stream",
            "attachment; filename*=UTF-8''_harbour.png",
        ),
        (
            "api/media?seq=7",
            "application/octet-stream",
            "attachment; filename*=UTF-8''page.html",
        ),
    ] {
        let reply = visitor.get_raw(path).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(
            headers(&reply),
            (content_type.to_owned(), disposition.to_owned())
        );
    }
    assert_eq!(visitor.get_raw("api/media?seq=7").await.status, 422);
    assert_eq!(visitor.get_raw("api/media?seq=x").await.status, 422);
}

#[tokio::test]
async fn a_file_to_send_is_bounded_and_reaches_the_agent() {
    let script = Script {
        upload: [json!({"media_id": "m-1"})].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let octets = "application/octet-stream";
    let query = "kind=document&name=tides+2026.pdf";
    let uploaded = visitor.upload(query, octets, "%PDF").await.json();
    assert_eq!(uploaded["media_id"], "m-1");
    assert_eq!(
        served.agent.asked().last().unwrap(),
        r#"Upload {"kind":"MEDIA_KIND_DOCUMENT","mimeType":"application/pdf","fileName":"tides 2026.pdf","sizeBytes":"4"} and 4 bytes"#
    );
    for content_type in ["text/plain", "multipart/form-data", "application/json"] {
        let reply = visitor.upload(query, content_type, "x").await;
        assert_eq!(reply.status, 415, "{content_type}");
    }
    for query in ["", "kind=video_note", "kind=odd"] {
        assert_eq!(
            visitor.upload(query, octets, "x").await.status,
            422,
            "{query}"
        );
    }
    let huge = "x".repeat((16 << 20) + 1);
    assert_eq!(visitor.upload(query, octets, &huge).await.status, 413);
    let text = "x".repeat(256 << 10);
    let draft = json!({"to": "+15550100002", "text": text, "token": "t"});
    assert_eq!(visitor.post("api/send", &draft).await.status, 413);
}

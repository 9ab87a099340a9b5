//! `console`: what it answers from the agent, and what it bounds.

mod files;
mod live;

use serde_json::{Value, json};

use super::{JSON, Served, send};
use crate::program::DEADLINE;
use crate::script::Script;

async fn served(script: Script) -> Served {
    Served::run(&["console"], script, &[]).await
}

fn refused(reason: &str) -> Value {
    json!({"error": {"code": "PERMISSION_DENIED", "reason": reason, "message": "a reader may not do that", "hint": "ask an admin"}})
}

/// An event of a direct chat.
fn message(seq: u64, body: &str) -> Value {
    json!({"seq": seq, "recorded_at": "now-4s", "message": {
        "origin": {"id": format!("3EB{seq}"), "chat": "15550100002@s.whatsapp.net", "chat_kind": "CHAT_KIND_PERSON", "sender": {"phone": "+15550100002"}, "push_name": "Anna"},
        "content": {"text": {"body": body}}
    }})
}

#[tokio::test]
async fn nothing_of_the_console_is_seen_without_the_cookie() {
    let served = served(Script::default()).await;
    let visitor = served.enter().await;
    for path in [
        "",
        "api/status",
        "api/live",
        "api/media?seq=1",
        "api/chats",
        "pair/state",
    ] {
        let path = format!("{}{path}", visitor.base);
        assert_eq!(served.get(&path, &[]).await.status, 403, "{path}");
        let host = ["Host: example.com", visitor.cookie.as_str()];
        assert_eq!(served.get(&path, &host).await.status, 421, "{path}");
        let origin = ["Origin: http://example.com", visitor.cookie.as_str()];
        assert_eq!(served.get(&path, &origin).await.status, 403, "{path}");
    }
    for path in [
        "api/send",
        "api/upload",
        "api/unpair",
        "api/allow",
        "pair/start",
    ] {
        let path = format!("{}{path}", visitor.base);
        for origin in ["", "Origin: http://example.com"] {
            let headers = [visitor.cookie.as_str(), JSON, origin];
            let reply = send(&served.host, "POST", &path, &headers, "{}").await;
            assert_eq!(reply.status, 403, "{path} {origin}");
        }
    }
    assert_eq!(served.agent.asked(), [""; 0], "no call reached the agent");
}

#[tokio::test]
async fn the_page_is_served_and_unknown_paths_are_not() {
    let served = served(Script::default()).await;
    let visitor = served.enter().await;
    let page = visitor.get("").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("/console/app.js"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"));
    for path in [
        "api/",
        "api/nothing",
        "api/status/",
        "pair/nothing",
        "pair/state",
        "console.html",
    ] {
        assert_eq!(visitor.get(path).await.status, 404, "{path}");
        assert_eq!(visitor.post(path, &json!({})).await.status, 404, "{path}");
    }
    let script = served.get("/console/app.js", &[]).await;
    assert_eq!(
        script.header("content-type"),
        Some("text/javascript; charset=utf-8")
    );
}

#[tokio::test]
async fn chats_have_a_key_and_pages() {
    let chat = json!({"id": "15550100002@s.whatsapp.net", "kind": "CHAT_KIND_PERSON", "name": "Anna", "newest_seq": "7"});
    let script = Script {
        list_chats: [
            json!({"chats": [chat], "next_page_token": "p 2&"}),
            json!({"incomplete": true}),
        ]
        .into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let first = visitor.get("api/chats").await.json();
    assert_eq!(first["chats"][0]["key"], "15550100002@s.whatsapp.net");
    assert_eq!(first["chats"][0]["address"], "+15550100002");
    let second = visitor.get("api/chats?page=p+2%26").await.json();
    assert_eq!(
        (&second["incomplete"], &second["next"]),
        (&json!(true), &json!(""))
    );
    assert_eq!(
        served.agent.asked(),
        [
            r#"ListChats {"pageSize":50}"#,
            r#"ListChats {"pageSize":50,"pageToken":"p 2&"}"#
        ]
    );
}

#[tokio::test]
async fn with_mask_numbers_are_masked_and_the_key_still_works() {
    let script = Script {
        events: [json!({"events": [message(7, "hi")]})].into(),
        ..Script::default()
    };
    let served = Served::run(&["console", "--mask"], script, &[]).await;
    let visitor = served.enter().await;
    let listed = visitor.get("api/messages?chat=%2B15550100002").await.json();
    let event = &listed["events"][0];
    assert_eq!(event["key"], "15550100002@s.whatsapp.net");
    assert_eq!(event["line"], "+1 555 XXX XXXX (Anna): hi");
    assert_eq!(
        event["message"]["origin"]["sender"]["phone"],
        "+1 555 XXX XXXX"
    );
}

#[tokio::test]
async fn a_send_has_the_token_of_the_page_and_an_error_its_reason() {
    let sent = json!({"message_id": "3EB0", "state": "SEND_STATE_SERVER_ACK", "client_token": "console-1", "chat": "15550100002@s.whatsapp.net"});
    let script = Script {
        send: [sent, refused("RECIPIENT")].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let draft =
        json!({"to": "+15550100002", "text": "kia ora", "token": "console-1", "reply_to": 7});
    let sent = visitor.post("api/send", &draft).await.json();
    assert_eq!(sent["key"], "15550100002@s.whatsapp.net");
    let reply = visitor.post("api/send", &draft).await;
    assert_eq!(reply.status, 422);
    let error: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(
        (&error["reason"], &error["hint"]),
        (&json!("RECIPIENT"), &json!("ask an admin"))
    );
    let sends: Vec<String> = served.agent.asked();
    let sends: Vec<&String> = sends
        .iter()
        .filter(|call| call.starts_with("Send "))
        .collect();
    assert_eq!(sends.len(), 2);
    for send in sends {
        assert!(send.contains(r#""clientToken":"console-1""#), "{send}");
        assert!(send.contains(r#""replyTo":{"seq":"7"}"#), "{send}");
    }
    for wrong in [
        json!({}),
        json!({"to": "+15550100002", "text": "x", "token": ""}),
        json!({"to": "no one", "text": "x", "token": "t"}),
        json!({"to": "+15550100002", "text": "", "token": "t"}),
        json!({"to": "+15550100002", "text": "x", "token": "t", "odd": 1}),
    ] {
        let reply = visitor.post("api/send", &wrong).await;
        assert_eq!(reply.status, 422, "{wrong}");
        assert!(!reply.body.contains("no one"), "{}", reply.body);
    }
}

#[tokio::test]
async fn what_a_reader_may_not_do_is_refused_by_the_agent() {
    let script = Script {
        cancel_send: [refused("ROLE")].into(),
        add_allowed: [refused("ROLE")].into(),
        remove_allowed: [refused("ROLE")].into(),
        reload_rules: [refused("ROLE")].into(),
        test_alert: [refused("ROLE")].into(),
        unpair: [refused("ROLE")].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    for (path, body) in [
        ("api/cancel", json!({"token": "t"})),
        ("api/allow", json!({"who": "+15550100002"})),
        ("api/disallow", json!({"who": "+15550100002"})),
        ("api/reload", json!({})),
        ("api/test-alert", json!({})),
        ("api/unpair", json!({"confirmed": true})),
    ] {
        let reply = visitor.post(path, &body).await;
        assert_eq!(reply.status, 422, "{path}");
        assert!(reply.body.contains("a reader may not do that"), "{path}");
    }
    let asked = served.agent.asked().len();
    let reply = visitor
        .post("api/unpair", &json!({"confirmed": false}))
        .await;
    assert_eq!(reply.status, 422);
    assert_eq!(
        served.agent.asked().len(),
        asked,
        "without a confirmation nothing is asked"
    );
}

#[tokio::test]
async fn the_phone_is_linked_from_the_console() {
    let failed =
        json!({"failed": {"reason": "PAIR_FAILURE_REASON_DEADLINE", "hint": "pair again"}});
    let script = Script {
        pair: [super::code(), vec![failed]].into(),
        ..Script::default()
    };
    let served = served(script).await;
    let visitor = served.enter().await;
    let start = visitor.post("pair/start", &json!({"replace": true})).await;
    assert_eq!(start.status, 200, "{}", start.body);
    let again = visitor.post("pair/start", &json!({"replace": true})).await;
    assert_eq!(again.status, 200, "a second tab joins");
    let shown = async {
        loop {
            let state = visitor.get("pair/state").await.json();
            if state["view"] == "qr" {
                return state;
            }
        }
    };
    let state = tokio::time::timeout(DEADLINE, shown).await.unwrap();
    assert!(!state.to_string().contains(crate::codes::PAYLOAD));
    assert_eq!(visitor.post("pair/stop", &json!({})).await.status, 200);
    served.agent.until_asked("Pair closed").await;
    assert_eq!(visitor.get("pair/state").await.status, 404);
    let asked = served.agent.asked();
    let pairs = asked.iter().filter(|call| call.starts_with("Pair {"));
    assert_eq!(
        pairs.collect::<Vec<_>>(),
        [r#"Pair {"qr":{},"replace":true}"#]
    );
}

#[tokio::test]
async fn an_agent_that_is_gone_is_reported_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let printed = std::sync::Arc::default();
    let agent = format!("unix:{}/none", dir.path().display());
    let env = [("OPENCLAW_AGENT".to_owned(), agent)].into();
    let args = ["console".to_owned()];
    let program = crate::program::Program::start(dir.path(), &args, &env, None, &printed).await;
    let ended = program.end().await;
    assert_eq!((ended.exit, ended.stdout.as_str()), (Some(3), ""));
}

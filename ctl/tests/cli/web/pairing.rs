//! What the page shows and asks for, and what the terminal prints.

use serde_json::{Value, json};

use super::{Served, code};
use crate::codes::PAYLOAD;
use crate::picture::Picture;

/// What lets the scripted agent go on. The token of the address, which is random, can't contain it.
const GO: &str = "(go on)";

fn hold() -> Value {
    json!({"hold": true})
}

fn linked() -> Value {
    json!({"linked": {"phone": "+15550100001", "device": "OpenClaw"}})
}

fn failed(hint: &str) -> Value {
    json!({"failed": {"reason": "PAIR_FAILURE_REASON_DEADLINE", "hint": hint}})
}

#[tokio::test]
async fn the_page_gets_the_code_that_the_agent_sent() {
    let served = Served::with_code().await;
    let state = served.enter().await.until("qr").await;
    let (side, path) = (state["side"].as_u64().unwrap(), state["path"].as_str());
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{0}\" viewBox=\"0 0 {side} {side}\">\
         <rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/><path d=\"{1}\"/></svg>",
        side * 8,
        path.unwrap()
    );
    assert_eq!(
        Picture::of_svg(svg.as_bytes()).read().as_deref(),
        Some(PAYLOAD)
    );
    assert_eq!(state["ordinal"], 1);
    let left = state["code_ms"].as_i64().unwrap();
    assert!(left > 0 && left <= 59_900, "{left}");
    let left = state["pairing_ms"].as_i64().unwrap();
    assert!(left > 59_900 && left <= 300_000, "{left}");
    assert!(
        !state.to_string().contains(PAYLOAD),
        "the page needs only the picture"
    );
}

#[tokio::test]
async fn the_page_shows_the_link_and_the_command_ends_as_without_a_page() {
    let frames = vec![
        json!({"scanned": {}}),
        json!({"when": "accepted"}),
        json!({"when": GO}),
        linked(),
    ];
    let served = Served::start(vec![frames], &[]).await;
    let visitor = served.enter().await;
    visitor.until("scanned").await;
    served.printed.send_modify(|printed| printed.push_str(GO));
    let state = visitor.until("linked").await;
    assert_eq!(state["phone"], "+15550100001");
    let address = format!("http://{}/open/{}\n", served.host, served.token);
    let port = served.host.rsplit(':').next().unwrap().to_owned();
    let ended = served.program.end().await;
    assert_eq!(ended.exit, Some(0));
    assert_eq!(ended.stdout, address);
    let expected = format!(
        "Open this address in a browser on this computer; it works once.\n\
         From another computer, run `ssh -L {port}:127.0.0.1:{port} HOST` there first, with this computer as HOST.\n\
         Ctrl-C stops.\n\
         The phone accepted the code; completing the link\n\
         Linked: +15550100001\n\
         next: `openclawctl status` shows the link, `openclawctl watch` follows messages\n"
    );
    assert_eq!(ended.stderr, expected);
}

#[tokio::test]
async fn json_has_the_address_and_the_link() {
    let frames = vec![json!({"scanned": {}}), linked()];
    let served = Served::start(vec![frames], &["--json"]).await;
    let address = format!(
        "http://{}/open/{}",
        served.host,
        served.token.trim_end_matches("\"}")
    );
    let ended = served.program.end().await;
    let lines: Vec<Value> = ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let linked =
        json!({"frame": "linked", "linked": {"phone": "+15550100001", "device": "OpenClaw"}});
    assert_eq!(lines, [json!({"address": address}), linked]);
    assert_eq!((ended.stderr.as_str(), ended.exit), ("", Some(0)));
}

#[tokio::test]
async fn ctrl_c_is_shown_on_every_page() {
    let served = Served::with_code().await;
    let (first, second) = (served.enter().await, served.host.clone());
    let twin = super::Visitor {
        host: second,
        base: first.base.clone(),
        cookie: first.cookie.clone(),
    };
    let version = first.until("qr").await["version"].clone();
    let after = format!("state?after={version}");
    let (one, other, ended) = tokio::join!(first.get(&after), twin.get(&after), async {
        // Both requests wait for news once a third one got its answer.
        first.get("state").await;
        served.interrupt().await
    });
    for reply in [one, other] {
        let state = reply.json();
        assert_eq!(state["view"], "stopped");
        assert_eq!(state["error"], "stopped before the phone was linked");
        assert_eq!(state["hint"], "run `openclawctl pair` again for a new code");
    }
    assert_eq!(ended.exit, Some(1));
    assert!(ended.stderr.ends_with(
        "error: stopped before the phone was linked\nhint: run `openclawctl pair` again for a new code\n"
    ));
}

#[tokio::test]
async fn a_closed_page_does_not_end_the_pairing() {
    let frames = vec![code()[0].clone(), json!({"when": GO}), linked()];
    let served = Served::start(vec![frames], &[]).await;
    let visitor = served.enter().await;
    visitor.until("qr").await;
    served.printed.send_modify(|printed| printed.push_str(GO));
    let ended = served.program.end().await;
    assert_eq!(ended.exit, Some(0));
}

#[tokio::test]
async fn a_number_on_the_page_begins_a_pairing_with_a_code_to_type() {
    let typed = json!({"phone_code": {"code": "ABCDEFGH", "expires_at": "now+179900ms"}});
    let script = vec![code(), vec![typed, hold()], code()];
    let served = Served::start(script, &["--replace", "--timeout", "10m"]).await;
    let visitor = served.enter().await;
    visitor.until("qr").await;
    let refused = visitor
        .post("begin", &json!({"phone": "555 010 0001"}))
        .await;
    assert_eq!(refused.status, 422);
    let refused: Value = serde_json::from_str(&refused.body).unwrap();
    assert!(
        refused["error"]
            .as_str()
            .unwrap()
            .starts_with("the number: "),
        "{refused}"
    );
    assert_eq!(refused["hint"], "write it like +15550100123");

    let begun = visitor
        .post("begin", &json!({"phone": "+1 555 010 0001"}))
        .await;
    assert_eq!(begun.status, 200);
    let state = visitor.until("phone_code").await;
    assert_eq!(
        (&state["code"], &state["method"]),
        (&json!("ABCD-EFGH"), &json!("phone_code"))
    );
    assert_eq!(
        visitor.post("begin", &json!({"qr": true})).await.status,
        200
    );
    assert_eq!(visitor.until("qr").await["method"], "qr");
    let asked = served.agent.asked();
    let asked: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|call| call.starts_with("Pair {"))
        .collect();
    assert_eq!(
        asked,
        [
            r#"Pair {"qr":{},"replace":true,"timeout":"600s"}"#,
            r#"Pair {"phoneCode":{"phone":"+15550100001"},"replace":true,"timeout":"600s"}"#,
            r#"Pair {"qr":{},"replace":true,"timeout":"600s"}"#
        ]
    );
}

#[tokio::test]
async fn after_a_failure_the_page_begins_again() {
    let first = vec![json!({"when": GO}), failed("run `openclawctl pair` again")];
    let busy = json!({"error": {"code": "ALREADY_EXISTS", "reason": "ALREADY_PAIRING", "message": "busy", "hint": ""}});
    let served = Served::start(vec![first, vec![busy], code()], &[]).await;
    let visitor = served.enter().await;
    visitor.until("waiting").await;
    served.printed.send_modify(|printed| printed.push_str(GO));
    let state = visitor.until("failed").await;
    assert_eq!(state["error"], "no one used the code in time");
    assert_eq!(state["hint"], "run `openclawctl pair` again");
    served
        .program
        .until_printed("Begin again on the page")
        .await;
    assert_eq!(visitor.post("begin", &json!({})).await.status, 200);
    visitor.until("qr").await;
    assert_eq!(served.interrupt().await.exit, Some(1));
}

#[tokio::test]
async fn ctrl_c_after_a_failure_ends_with_that_failure() {
    let denied = json!({"error": {"code": "FAILED_PRECONDITION", "reason": "ALREADY_LINKED", "message": "the agent is already linked", "hint": "add --replace"}});
    let served = Served::start(vec![code(), vec![denied]], &[]).await;
    let visitor = served.enter().await;
    visitor.until("qr").await;
    visitor.post("begin", &json!({})).await;
    let state = visitor.until("failed").await;
    assert_eq!(state["error"], "the agent is already linked");
    let ended = served.interrupt().await;
    assert_eq!(ended.exit, Some(4));
    assert!(
        ended
            .stderr
            .ends_with("error: the agent is already linked\nhint: add --replace\n"),
        "{}",
        ended.stderr
    );
}

#[tokio::test]
async fn a_failure_that_no_page_sees_ends_the_command() {
    let frames = vec![json!({"when": "Ctrl-C"}), failed("pair again")];
    let served = Served::start(vec![frames], &[]).await;
    let ended = served.program.end().await;
    assert_eq!(ended.exit, Some(1));
    assert!(
        ended
            .stderr
            .ends_with("error: no one used the code in time\nhint: pair again\n")
    );
}

#[tokio::test]
async fn an_accepted_code_is_not_thrown_away() {
    let frames = vec![json!({"scanned": {}}), json!({"when": GO}), linked()];
    let served = Served::start(vec![frames], &[]).await;
    let visitor = served.enter().await;
    visitor.until("scanned").await;
    let refused = visitor.post("begin", &json!({})).await;
    assert_eq!(refused.status, 422);
    assert!(
        refused.body.contains("accepted the code already"),
        "{}",
        refused.body
    );
    served.printed.send_modify(|printed| printed.push_str(GO));
    visitor.until("linked").await;
    assert_eq!(served.program.end().await.exit, Some(0));
}

/// Options and the assertion that answers them.
fn ceremony() -> (Value, String) {
    let options = json!({"challenge": "YWJj", "rpId": "whatsapp.com"});
    let data =
        json!({"type": "webauthn.get", "challenge": "YWJj", "origin": "https://web.whatsapp.com"});
    let data = data_encoding::BASE64URL_NOPAD.encode(data.to_string().as_bytes());
    let answer = json!({"id": "aWQ", "rawId": "aWQ", "type": "public-key", "response": {"clientDataJSON": data}});
    (options, answer.to_string())
}

#[tokio::test]
async fn the_page_leads_through_a_passkey_ceremony_with_a_code_to_compare() {
    let (options, answer) = ceremony();
    let frames = vec![
        json!({"passkey": {"request_options_json": options.to_string(), "expires_at": "now+599900ms"}}),
        json!({"when": "answered"}),
        json!({"passkey": {"confirmation_code": "ABCD-1234"}}),
        json!({"when": "confirmed"}),
        json!({"scanned": {}}),
        linked(),
    ];
    let other = json!({"error": {"code": "INVALID_ARGUMENT", "reason": "OTHER_CODE", "message": "that is another code", "hint": "type the code that the phone shows now"}});
    let script = crate::script::Script {
        pair: [frames].into(),
        answer_passkey: [json!({})].into(),
        confirm_passkey: [other, json!({})].into(),
        ..Default::default()
    };
    let served = Served::follow(script, &[]).await;
    let visitor = served.enter().await;
    let state = visitor.until("passkey").await;
    assert!(
        state["snippet"]
            .as_str()
            .unwrap()
            .contains(r#""challenge":"YWJj""#)
    );
    let left = state["code_ms"].as_i64().unwrap();
    assert!(left > 60_000 && left <= 599_900, "{left}");
    assert_eq!(state["pairing_ms"], Value::Null);

    for (pasted, error) in [
        ("hello", "this is not the answer: it is not JSON"),
        (&answer[..20], "the answer is not complete"),
        (
            &answer.replace("clientDataJSON", "x"),
            "this is not the answer: it has no response.clientDataJSON",
        ),
    ] {
        let refused = visitor.post("passkey", &json!({"answer": pasted})).await;
        assert_eq!(refused.status, 422, "{pasted}");
        let refused: Value = serde_json::from_str(&refused.body).unwrap();
        assert_eq!(refused["error"], error);
    }
    let early = visitor
        .post("confirm", &json!({"code": "x", "odd": 1}))
        .await;
    assert_eq!(early.status, 422);
    let quoted = format!("'{answer}'\n");
    let sent = visitor
        .post("passkey", &json!({"answer": quoted, "compare": true}))
        .await;
    assert_eq!(sent.status, 200, "{}", sent.body);
    visitor.until("accepted").await;
    let again = visitor.post("passkey", &json!({"answer": answer})).await;
    assert!(
        again.body.contains("no passkey is asked for now"),
        "{}",
        again.body
    );

    served
        .printed
        .send_modify(|printed| printed.push_str("answered"));
    assert_eq!(visitor.until("compare").await["code"], "ABCD-1234");
    let wrong = visitor.post("confirm", &json!({"code": "ABCD-9999"})).await;
    assert_eq!(wrong.status, 422);
    assert!(
        wrong.body.contains("that is another code"),
        "{}",
        wrong.body
    );
    assert_eq!(
        visitor
            .post("confirm", &json!({"code": " abcd-1234 "}))
            .await
            .status,
        200
    );
    visitor.until("accepted").await;
    served
        .printed
        .send_modify(|printed| printed.push_str("confirmed"));
    visitor.until("linked").await;

    let asked = served.agent.asked();
    let asked: Vec<&String> = asked
        .iter()
        .filter(|call| call.contains("Passkey"))
        .collect();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(asked[0].contains(r#""compareCode":true"#) && asked[0].contains("clientDataJSON"));
    assert_eq!(asked[2], r#"ConfirmPasskey {"code":"abcd-1234"}"#);
    let ended = served.program.end().await;
    assert_eq!(ended.exit, Some(0));
    for output in [ended.stdout, ended.stderr] {
        assert!(
            !output.contains("ABCD-1234") && !output.contains("YWJj"),
            "{output}"
        );
    }
}

//! `WHATSAPP_ALLOW`: only a missing variable means that there are no rules.

use super::{agent, bytes, ends_with, is_refused, lines, log};

const NO_RULES: &str = "no allowlist";

#[tokio::test]
async fn only_an_absent_variable_allows_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let mut absent = agent(folder.path());
    let entries = log(&mut absent).await;
    assert_eq!(lines(&entries, "WARN", NO_RULES).len(), 1, "{entries:#?}");
    for closed in [
        "", " ", "\t\n", "\u{a0}", "\u{feff}", "\"\"", "''", "[]", ",", " , ", "[\"\"]",
    ] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env("WHATSAPP_ALLOW", closed)).await;
        assert_eq!(
            lines(&entries, "WARN", NO_RULES).len(),
            0,
            "{closed:?}: {entries:#?}"
        );
        let rules = lines(&entries, "INFO", "\"listed\":0");
        assert_eq!(rules.len(), 1, "{closed:?}: {entries:#?}");
        // An empty list may be a mistake too, so it is logged.
        let warned = lines(&entries, "WARN", "WHATSAPP_ALLOW");
        assert_eq!(warned.len(), 1, "{closed:?}: {entries:#?}");
    }
}

#[tokio::test]
async fn a_list_that_cannot_be_read_refuses_the_start_and_shows_no_number() {
    let folder = tempfile::tempdir().unwrap();
    for odd in [
        &b"+15550100002\xa0"[..],
        b"\xff\xfe+\x31",
        b"+15550100002,$X",
        b"$WHATSAPP_ALLOW",
        b"+15550100002;+15550100003",
        b"everyone",
        b"[\"+15550100002\"",
        b"\"+15550100002",
        b"+15550100002'",
        b"+15550100002,\"+15550100003",
        b"'+15550100002,+15550100003",
        b"\"+15550100002'",
        b"+15550100002\n+15550100003",
    ] {
        let ended = ends_with(folder.path(), "WHATSAPP_ALLOW", bytes(odd)).await;
        is_refused(&ended, "WHATSAPP_ALLOW");
        assert!(!ended.stderr.contains("5550100"), "{ended:?}");
    }
}

#[tokio::test]
async fn a_variable_in_the_file_that_is_not_utf_8_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "channels:\n  whatsapp:\n    allowFrom: [\"${FRIENDS:-*}\"]\n    dmPolicy: open\n";
    std::fs::write(folder.path().join("openclaw.yml"), rules).unwrap();
    let ended = ends_with(folder.path(), "FRIENDS", bytes(b"+15550100002\xa0")).await;
    is_refused(&ended, "FRIENDS is not UTF-8 text");
    // The variable is not used if the file has a list, but is refused all the same: its intended value is unknown.
    let rules = "channels:\n  whatsapp:\n    allowFrom: [\"+15550100002\"]\n";
    std::fs::write(folder.path().join("openclaw.yml"), rules).unwrap();
    let ended = ends_with(folder.path(), "WHATSAPP_ALLOW", bytes(b"\xff")).await;
    is_refused(&ended, "WHATSAPP_ALLOW is not UTF-8 text");
}

#[tokio::test]
async fn quotes_and_marks_around_a_list_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    for two in [
        "+15550100002,+15550100003",
        "\"+15550100002,+15550100003\"",
        "\u{feff}+15550100002, +15550100003\r\n",
        "[\"+15550100002\", \"+15550100003\"]",
        "'[\"+15550100002\",\"+15550100003\"]'",
        "+15550100002,,+15550100003,",
        "\"+15550100002\",\"+15550100003\"",
        "'+15550100002', '+15550100003'",
    ] {
        let mut agent = agent(folder.path());
        let entries = log(agent.env("WHATSAPP_ALLOW", two)).await;
        assert_eq!(
            lines(&entries, "INFO", "\"listed\":2").len(),
            1,
            "{two:?}: {entries:#?}"
        );
    }
}

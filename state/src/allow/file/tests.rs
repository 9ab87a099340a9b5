//! What is read from an `openclaw.yml`, and the line that each mistake is reported with.

mod corpus;
mod fuzzed;

use std::env::VarError;

use openclaw_types::Recipient;

use super::*;
use crate::allow::policy::{Entry, EntryPlace, Who};
use crate::send_to::MAX_RECIPIENTS;

fn read_with(text: &str, variables: &[(&str, &str)]) -> Result<Rules, Vec<Mistake>> {
    let lookup = |name: &str| {
        let mut found = variables.iter().filter(|(variable, _)| *variable == name);
        let value = found.next().map(|(_, value)| (*value).to_owned());
        value.ok_or(VarError::NotPresent)
    };
    read(text, &lookup)
}

fn rules(text: &str) -> Rules {
    read_with(text, &[]).unwrap_or_else(|mistakes| panic!("{mistakes:?}\n{text}"))
}

fn under(lines: &str) -> String {
    let lines: Vec<_> = lines.lines().map(|line| format!("    {line}\n")).collect();
    format!("channels:\n  whatsapp:\n{}", lines.concat())
}

fn shown(entries: &[Entry]) -> Vec<(String, EntryPlace)> {
    let show = |entry: &Entry| {
        let who = match &entry.who {
            Who::Anyone => "*".to_owned(),
            Who::Phone(phone) => phone.e164(),
            Who::Lid(lid) => lid.jid(),
            Who::Group(jid) => jid.clone(),
        };
        (who, entry.place)
    };
    entries.iter().map(show).collect()
}

/// The file of an existing deployment, whose service the agent replaces.
const IN_USE: &str = r#"# production
agents:
  inspector: {enabled: true, model: some, workspace: /app}
channels:
  whatsapp:
    enabled: true
    dmPolicy: allowlist
    allowFrom: ${WHATSAPP_ALLOW:-[]}
    session:
      dmScope: agent
    ackReaction:
      emoji: "👀"
      direct: true
      group: never
mcp:
  servers:
    inspection: {command: ["node"], env: {API_URL: "${API_URL}"}}
gateway: {host: "0.0.0.0", port: 3000}
"#;

#[test]
fn an_existing_file_keeps_its_meaning() {
    let nobody = rules(IN_USE);
    assert_eq!(nobody, Rules::closed());
    for value in [
        "+15550100002,+15550100003",
        " +15550100002 , +1 555 010-0003, ",
        r#"["+15550100002", "+15550100003"]"#,
    ] {
        let two = read_with(IN_USE, &[("WHATSAPP_ALLOW", value)]).unwrap();
        let both =
            ["+15550100002", "+15550100003"].map(|who| (who.to_owned(), EntryPlace::Line(8)));
        assert_eq!(shown(&two.people), both, "{value}");
    }
    let one = read_with(IN_USE, &[("WHATSAPP_ALLOW", "+15550100002")]).unwrap();
    assert_eq!(one.people.len(), 1);
    let all = read_with(IN_USE, &[("WHATSAPP_ALLOW", "*")]).unwrap();
    assert_eq!(all.people[0].who, Who::Anyone);
}

#[test]
fn the_file_of_a_gateway_that_uses_this_agent_is_understood() {
    let text = under(
        "dmPolicy: allowlist\nallowFrom: [\"+15550100002\"]\nagent: {socket: /run/openclaw/agent.sock}\n\
         accounts:\n  work: {agent: {address: \"agent.example.com:50051\", keys: keys}}",
    );
    assert_eq!(rules(&text).people.len(), 1);
}

#[test]
fn every_key_is_read_with_its_lines() {
    let text = under(
        "dmPolicy: open\nallowFrom:\n  - +15550100002\n  - \"*\"\n  - '100000000000003@lid'\n\
         groupPolicy: allowlist\ngroupAllowFrom: [\"+15550100004\", \"${WHO}\"]\n\
         groups:\n  \"120363000000000001@g.us\": {requireMention: false}\n  \"*\":",
    );
    let read = read_with(&text, &[("WHO", "+15550100005")]).unwrap();
    assert_eq!((read.direct, read.group), (Mode::Open, Mode::Allowlist));
    let line = EntryPlace::Line;
    assert_eq!(
        shown(&read.people),
        [
            ("+15550100002".to_owned(), line(5)),
            ("*".to_owned(), line(6)),
            ("100000000000003@lid".to_owned(), line(7))
        ]
    );
    let group_people = shown(&read.group_people.unwrap());
    assert_eq!(
        group_people,
        [
            ("+15550100004".to_owned(), line(9)),
            ("+15550100005".to_owned(), line(9))
        ]
    );
    let groups = shown(&read.groups.unwrap());
    assert_eq!(
        groups,
        [
            ("120363000000000001@g.us".to_owned(), line(11)),
            ("*".to_owned(), line(12))
        ]
    );
    assert!(read.remarks.is_empty(), "{:?}", read.remarks);
}

#[test]
fn a_missing_key_allows_no_one() {
    for text in [
        "",
        "mcp: {}\n",
        "channels: {telegram: {}}\n",
        "channels:\n  whatsapp: {}\n",
        "channels:\n  whatsapp:\n    dmPolicy: allowlist\n",
    ] {
        let Rules {
            people, remarks, ..
        } = rules(text);
        assert!(people.is_empty(), "{text}");
        assert_eq!(remarks.is_empty(), text.contains("whatsapp"), "{text}");
    }
}

#[test]
fn recipients_are_people_groups_and_known_chats() {
    let to = |lines: &str| rules(&under(lines)).to;
    assert_eq!(to("allowFrom: []"), None, "anyone");
    let none = to("allowTo: []").and_then(|to| to.limit()).unwrap();
    assert!(!none.known && none.recipients.is_empty());
    assert_eq!(to("allowTo: ['*', known]").unwrap().limit(), None);
    let some = "allowTo:\n  - known\n  - +15550100002\n  - 1@lid\n  - 120363000000000001@g.us";
    let some = to(some).unwrap();
    assert_eq!(some.known, Some(EntryPlace::Line(4)));
    let limit = some.limit().unwrap();
    let named: Vec<_> = limit.recipients.iter().map(Recipient::address).collect();
    assert_eq!(named, ["+15550100002", "1@lid", "120363000000000001@g.us"]);
    let text = to("allowTo: known, +15550100002").unwrap();
    assert!(text.known.is_some() && text.entries.len() == 1);
    let many: Vec<_> = (0..=MAX_RECIPIENTS).map(|n| format!("{n}@lid")).collect();
    let many = format!("allowTo: [{}]", many.join(", "));
    assert!(read_with(&under(&many), &[]).is_err());
}

#[test]
fn the_variable_applies_if_the_file_has_no_list() {
    let variables = [("WHATSAPP_ALLOW", "+15550100002")];
    for text in ["mcp: {}\n".to_owned(), under("dmPolicy: allowlist")] {
        let read = read_with(&text, &variables).unwrap();
        let listed = [("+15550100002".to_owned(), EntryPlace::Environment)];
        assert_eq!(shown(&read.people), listed);
    }
    let own = read_with(&under("allowFrom: []"), &variables).unwrap();
    assert!(own.people.is_empty());
    let lookup = |name: &str| match name {
        VARIABLE => Ok("+15550100002".to_owned()),
        _ => Err(VarError::NotPresent),
    };
    let read = without(&lookup).unwrap().unwrap();
    assert_eq!(read.direct, Mode::Allowlist);
    assert_eq!(shown(&read.people).len(), 1);
    assert_eq!(without(&|_| Err(VarError::NotPresent)).unwrap(), None);
    for nobody in ["", " ", "\u{a0}", ",", "[]", "\"\""] {
        let closed = without(&|_| Ok(nobody.to_owned())).unwrap().unwrap();
        assert!(closed.people.is_empty() && closed.direct == Mode::Allowlist);
        assert_eq!(closed.remarks.len(), 1, "{nobody:?}");
    }
    let wrong = without(&|_| Ok("0211234567".to_owned())).unwrap_err();
    assert!(wrong[0].to_string().starts_with("WHATSAPP_ALLOW: "));
}

#[test]
fn every_mistake_names_its_line() {
    #[rustfmt::skip]
    let mistakes = [
        ("allow_from: []", 3, "write allowFrom"),
        ("dmPolcy: open", 3, "write dmPolicy"),
        ("enabled: true\ndmPolicy: closed", 4, "not \"closed\""),
        ("groupPolicy: pairing", 3, "allowlist, open or disabled"),
        ("dmPolicy: open", 3, "\"*\" in allowFrom"),
        ("dmPolicy: open\nallowFrom: [\"+15550100002\"]", 3, "\"*\" in allowFrom"),
        ("dmPolicy: [open]", 3, "a list, not a text"),
        ("enabled: yes", 3, "true or false"),
        ("allowFrom:\n  - \"+15550100002\"\n  - 15550100003", 5, "begins with +"),
        ("allowFrom:\n  - +1555010000x", 4, "has no letters"),
        ("allowFrom:\n  - 0211234567", 4, "begins with +"),
        ("allowFrom: \"+15550100002, 12\"", 3, "begins with +"),
        ("allowFrom:", 3, "allowFrom: []"),
        ("allowFrom: ~\nenabled: true", 3, "allowFrom: []"),
        ("allowFrom: {a: b}", 3, "a mapping, not a list"),
        ("allowFrom:\n  - - \"+15550100002\"", 4, "a list, not a text"),
        ("allowFrom: [\"120363000000000001@g.us\"]", 3, "under groups"),
        ("allowFrom: [\"abc@lid\"]", 3, "digits before @lid"),
        ("allowTo: [\"12\"]", 3, "begins with +"),
        ("allowTo: [knwon]", 3, "allowTo: "),
        ("allowTo:", 3, "allowTo: []"),
        ("allowFrom: ${NOBODY_SET_THIS}", 3, "NOBODY_SET_THIS is not set"),
        ("allowFrom: \"${UNCLOSED\"", 3, "no matching }"),
        ("enabled: true\nallowFrom: []\nallowFrom: [\"*\"]", 5, "already on line 4"),
        ("groups: [\"*\"]", 3, "a list, not a mapping"),
        ("groups:\n  general: {}", 4, "JID"),
        ("groups:\n  \"*\": true", 4, "not a mapping"),
        ("accounts:\n  work:\n    allowFrom: []", 5, "one agent has one account"),
        ("? [a]\n: b", 3, "not a valid key"),
        ("name: b\n  c: d", 4, "not YAML"),
        ("name: \"b", 3, "not YAML"),
    ];
    for (lines, line, part) in mistakes {
        let text = under(lines);
        let mistakes = read_with(&text, &[]).expect_err(&text);
        assert_eq!(mistakes.len(), 1, "{mistakes:?}\n{text}");
        assert_eq!(mistakes[0].line, Some(line), "{mistakes:?}\n{text}");
        assert!(mistakes[0].text.contains(part), "{mistakes:?}\n{text}");
        assert!(!mistakes[0].text.contains("5550100"), "{mistakes:?}");
    }
    for (text, line, part) in [
        ("- a\n", 1, "a list, not a mapping"),
        ("agents: b\nchannels: []\n", 2, "a list, not a mapping"),
        ("channels:\n  whatsapp: on\n", 2, "a text, not a mapping"),
        ("channels:\n  whatsap: {}\n", 2, "write whatsapp"),
        ("chanels:\n  whatsapp: {}\n", 1, "write channels"),
        ("channels: {}\nchannels: {}\n", 2, "already on line 1"),
        ("agents: 1\n---\nagents: 2\n", 2, "second document"),
    ] {
        let mistakes = read_with(text, &[]).expect_err(text);
        assert_eq!(mistakes.len(), 1, "{mistakes:?}\n{text}");
        assert_eq!(mistakes[0].line, Some(line), "{mistakes:?}\n{text}");
        assert!(mistakes[0].text.contains(part), "{mistakes:?}\n{text}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let text = under("dmPolicy: closed\nallowFrom: [1, 2]\ngroup: {}");
    let mistakes = read_with(&text, &[]).unwrap_err();
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.line).collect();
    assert_eq!(lines, [Some(3), Some(4), Some(4), Some(5)]);
    assert!(mistakes[0].to_string().starts_with("line 3: dmPolicy"));
}

#[test]
fn a_setting_with_another_meaning_is_noted() {
    for (lines, part) in [
        (
            "dmPolicy: pairing",
            "line 3: dmPolicy pairing is read as allowlist",
        ),
        ("enabled: false", "line 3: enabled is false"),
    ] {
        let Rules { remarks, .. } = rules(&under(lines));
        assert!(
            remarks.len() == 1 && remarks[0].starts_with(part),
            "{remarks:?}"
        );
    }
    let off = rules(&under("enabled: false\ndmPolicy: open\nallowFrom: [\"*\"]"));
    assert_eq!((off.direct, off.group), (Mode::Disabled, Mode::Disabled));
}

#[test]
fn the_sample_is_valid() {
    let sample = include_str!("../../../../deploy/openclaw.yml");
    let read = read_with(sample, &[("WHATSAPP_ALLOW", "+15550100002")]).unwrap();
    assert_eq!(read.people.len(), 1);
    assert!(rules(sample).people.is_empty() && read.remarks.is_empty());
    // The commented-out lines of the sample are valid as well.
    let whole = sample.replace("# groupAllowFrom", "groupAllowFrom");
    let whole = whole.replace("    # groups:\n    #   \"", "    groups:\n      \"");
    let read = rules(&whole);
    assert_eq!(
        (read.group_people.unwrap().len(), read.groups.unwrap().len()),
        (1, 1)
    );
}

//! Every parser of phone numbers in the agent must agree with `types/corpus/numbers.tsv`: the API's fields,
//! `openclaw.yml` and `WHATSAPP_ALLOW`.

use openclaw_proto::v1 as pb;
use openclaw_types::corpus::{self, Case};
use std::env::VarError;

use openclaw_state::allow::file;

use super::{diagnose_request, pair_request, send_request, watch_request, who};
use crate::link::Method;

type Answer = Option<String>;

fn sent_to(input: &str) -> Answer {
    let request = pb::SendRequest::of_text(input, "hi");
    let (draft, _) = send_request(request).ok()?;
    Some(draft.to?.address())
}

fn paired_with(input: &str) -> Answer {
    let phone = input.to_owned();
    let how = pb::pair_request::How::PhoneCode(pb::PhoneCodeMethod { phone });
    let request = pb::PairRequest {
        how: Some(how),
        ..pb::PairRequest::default()
    };
    match pair_request(request).ok()?.method {
        Method::PhoneCode(phone) => Some(phone.e164()),
        Method::Qr => None,
    }
}

fn diagnosed(input: &str) -> Answer {
    let who = input.to_owned();
    let contact = diagnose_request(&pb::DiagnoseRequest { who, link: false }).ok()??;
    let lid = contact.lid.map(|lid| lid.jid());
    contact.phone.map(|phone| phone.e164()).or(lid)
}

fn is_watched(input: &str) -> bool {
    let request = pb::WatchEventsRequest {
        filter: Some(pb::EventFilter {
            chats: vec![input.to_owned()],
            ..pb::EventFilter::default()
        }),
        ..pb::WatchEventsRequest::default()
    };
    watch_request(request).is_ok()
}

fn in_file(input: &str) -> Answer {
    let quoted = serde_json::to_string(input).ok()?;
    let text = format!("channels:\n  whatsapp:\n    allowFrom:\n      - {quoted}\n");
    let rules = file::read(&text, &|_| Err(VarError::NotPresent)).ok()?;
    Some(rules.people.first()?.who.to_string())
}

fn in_environment(input: &str) -> Answer {
    let lookup = |name: &str| match name {
        file::VARIABLE => Ok(input.to_owned()),
        _ => Err(VarError::NotPresent),
    };
    let rules = file::without(&lookup).ok()??;
    Some(rules.people.first()?.who.to_string())
}

#[test]
fn every_parser_agrees_with_the_corpus() {
    for Case {
        input,
        answer,
        line,
    } in corpus::cases()
    {
        let answer = answer.ok();
        let group = answer.as_ref().is_some_and(|it| it.ends_with("@g.us"));
        let person = answer.clone().filter(|_| !group);
        let number = person.clone().filter(|it| it.starts_with('+'));
        assert_eq!(sent_to(&input), answer, "line {line}");
        assert_eq!(
            who(&input).ok().map(|who| who.to_string()),
            answer,
            "line {line}"
        );
        assert_eq!(paired_with(&input), number, "line {line}");
        let also_a_chat = ["1@newsletter", "status@broadcast"].contains(&input.as_str());
        assert_eq!(
            is_watched(&input),
            answer.is_some() || also_a_chat,
            "line {line}"
        );
        if !input.is_empty() {
            assert_eq!(diagnosed(&input), person, "line {line}");
        }
        // In the variable, white space is ignored and a comma separates entries.
        if !input.trim().is_empty() && !input.contains(',') {
            assert_eq!(in_file(&input), person, "line {line}");
            assert_eq!(in_environment(&input), person, "line {line}");
        }
    }
}

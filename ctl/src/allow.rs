//! `allow`: lists and changes the allowlist.

use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::{
    AddAllowedRequest, Allowed, AllowedList, DiagnoseRequest, FindingState, ListAllowedRequest,
    ListAllowedResponse, Policy, ReloadRulesRequest, RemoveAllowedRequest, Rules,
};
use serde::Serialize;
use tonic::transport::Channel;

use crate::address::Address;
use crate::cli::{AllowArgs, AllowCommand};
use crate::failure::{Exit, Failure};
use crate::numbers::{Numbers, recipient};
use crate::render::rules;
use crate::render::word::word;
use crate::{client, console, text};
use client::pages;

#[derive(Serialize)]
struct Changed {
    changed: bool,
}

#[derive(Serialize)]
struct Removed<'a> {
    changed: bool,
    /// Why the person is still allowed, if so.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    still_allowed: &'a [String],
    /// Why the agent cannot decide whether they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_known: Option<&'a str>,
}

/// Sends the request, and prints the result.
pub(crate) async fn run(address: &Address, args: &AllowArgs, json: bool) -> Result<Exit, Failure> {
    let who = match &args.command {
        AllowCommand::Add { who } | AllowCommand::Remove { who } => recipient("WHO", who)?,
        AllowCommand::List { .. } | AllowCommand::Reload => String::new(),
    };
    let mut agent = client::access(address).await?;
    match &args.command {
        AllowCommand::List { show_numbers: _ } => {
            let list = list(address, &mut agent).await?;
            show(list, Numbers::chosen(), json)?;
        }
        AllowCommand::Add { who: _ } => {
            let is_group = who.ends_with("@g.us");
            let call = agent.add_allowed(AddAllowedRequest { who });
            let added = client::answer(address, call).await?.added;
            // A disabled policy drops all messages, even from listed senders.
            let rules = match json {
                true => None,
                false => list(address, &mut agent).await.ok(),
            };
            let rules = rules.and_then(|list| list.rules).unwrap_or_default();
            let words = match (added, disabled(&rules, is_group)) {
                (true, None) => "Added: allowed from now on".to_owned(),
                (false, None) => "Allowed already: nothing was changed".to_owned(),
                (true, Some(why)) => format!("Added, but not allowed yet: {why}"),
                (false, Some(why)) => {
                    format!("Listed already, nothing was changed, and not allowed: {why}")
                }
            };
            report(json, added, &words);
        }
        AllowCommand::Remove { who: _ } => {
            let request = RemoveAllowedRequest { who: who.clone() };
            client::answer(address, agent.remove_allowed(request)).await?;
            removed(json, &still_allowed(&mut agent, &who).await);
        }
        AllowCommand::Reload => {
            let call = agent.reload_rules(ReloadRulesRequest {});
            let rules = client::answer(address, call).await?.rules;
            let rules = rules.unwrap_or_default();
            if json {
                console::report_json(&rules);
            } else {
                console::report(&format!("Reloaded: {}", rules::line(&rules)));
                remarks(&rules);
            }
        }
    }
    Ok(Exit::Done)
}

async fn list(
    address: &Address,
    agent: &mut AccessClient<Channel>,
) -> Result<ListAllowedResponse, Failure> {
    let page = async |page_token| {
        let page_size = 0;
        let request = ListAllowedRequest {
            page_size,
            page_token,
        };
        client::answer(address, agent.list_allowed(request)).await
    };
    pages::all(page).await
}

/// The agent's answer about a person after a removal: another entry may match them, by their other address or in the
/// file.
enum AfterRemoval {
    Nothing,
    /// Still allowed, with the agent's reasons.
    Allowed(Vec<String>),
    /// The agent cannot decide.
    Unknown(String),
}

async fn still_allowed(agent: &mut AccessClient<Channel>, who: &str) -> AfterRemoval {
    if who.ends_with("@g.us") {
        return AfterRemoval::Nothing;
    }
    let request = DiagnoseRequest {
        who: who.to_owned(),
        link: false,
    };
    let answer = match agent.diagnose(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return AfterRemoval::Unknown(text::one_line(status.message())),
    };
    let of = |checks: &[&str], state: FindingState| -> Vec<String> {
        let findings = answer.findings.iter();
        let findings = findings
            .filter(|one| checks.contains(&one.check.as_str()) && one.state() == state)
            .map(|one| Numbers::chosen().show_in(&text::one_line(&one.text), who));
        findings.collect()
    };
    let allowed = of(&["direct", "by_lid", "groups"], FindingState::Good);
    let held = answer
        .findings
        .iter()
        .any(|one| one.check == "direct" && one.text.contains(" held"));
    match (allowed.is_empty(), held) {
        (false, _) => AfterRemoval::Allowed(allowed),
        (true, true) => AfterRemoval::Unknown(of(&["direct"], FindingState::Bad).join("; ")),
        (true, false) => AfterRemoval::Nothing,
    }
}

fn removed(json: bool, left: &AfterRemoval) {
    if json {
        let (still_allowed, not_known) = match left {
            AfterRemoval::Nothing => (&[][..], None),
            AfterRemoval::Allowed(why) => (&why[..], None),
            AfterRemoval::Unknown(why) => (&[][..], Some(why.as_str())),
        };
        console::report_json(&Removed {
            changed: true,
            still_allowed,
            not_known,
        });
        return;
    }
    console::report(match left {
        AfterRemoval::Nothing => "Removed: no longer allowed",
        AfterRemoval::Allowed(_) => "Removed, but still allowed by another entry",
        AfterRemoval::Unknown(_) => "Removed",
    });
    match left {
        AfterRemoval::Nothing => {}
        AfterRemoval::Allowed(why) => {
            for why in why {
                console::note(&format!("warning: {why}"));
            }
            console::note(
                "hint: remove that entry as well: `openclawctl allow list` shows all of them",
            );
        }
        AfterRemoval::Unknown(why) => console::note(&format!(
            "warning: could not check whether another entry still allows them: {why}\nhint: run `openclawctl doctor` with the number in a moment"
        )),
    }
}

/// Why a listed person or group is still not allowed.
fn disabled(rules: &Rules, is_group: bool) -> Option<String> {
    let (policy, name) = match is_group {
        true => (rules.group_policy(), "groupPolicy"),
        false => (rules.dm_policy(), "dmPolicy"),
    };
    let next = "change it in the file, then run `openclawctl allow reload`";
    (policy == Policy::Disabled).then(|| format!("{name} is disabled; {next}"))
}

fn report(json: bool, changed: bool, words: &str) {
    if json {
        console::report_json(&Changed { changed });
    } else {
        console::report(words);
    }
}

fn show(list: ListAllowedResponse, numbers: Numbers, json: bool) -> Result<(), Failure> {
    if json {
        return console::json(&list);
    }
    let ListAllowedResponse { rules, allowed, .. } = list;
    let rules = rules.unwrap_or_default();
    let mut lines = vec![rules::line(&rules)];
    lines.extend(allowed.iter().map(|one| entry(one, numbers)));
    remarks(&rules);
    console::write(
        &lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>(),
    )
}

fn remarks(rules: &Rules) {
    for remark in &rules.remarks {
        console::note(&format!("note: {}", text::one_line(remark)));
    }
    if !rules.reload_error.is_empty() {
        let error = text::one_line(&rules.reload_error);
        console::note(&format!(
            "warning: the file was changed, but the new rules were not loaded: {error}\nhint: correct it, then run `openclawctl allow reload`"
        ));
    }
}

fn entry(allowed: &Allowed, numbers: Numbers) -> String {
    let who = numbers.show_to(&allowed.who);
    let list = word::<AllowedList>(allowed.list);
    let source = text::one_line(&allowed.source);
    format!("{who:<27} {list:<17} {source}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_masked_and_has_its_source() {
        let one = Allowed {
            who: "+15550100123".to_owned(),
            list: AllowedList::AllowFrom.into(),
            source: "line 7".to_owned(),
            added: false,
        };
        assert_eq!(
            entry(&one, Numbers::Masked),
            "+1 555 XXX XXXX             allow_from        line 7"
        );
        assert!(entry(&one, Numbers::Full).starts_with("+15550100123 "));
    }
}

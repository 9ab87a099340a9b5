//! `doctor`: diagnoses why messages do or do not arrive.

use openclaw_proto::v1::access_client::AccessClient;
use openclaw_proto::v1::{DiagnoseRequest, Finding, FindingState};
use tonic::transport::Channel;

use crate::address::Address;
use crate::cli::DoctorArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::{Numbers, person};
use crate::{client, console, text};

/// Runs the diagnosis and prints each finding; the exit code shows whether something is wrong.
pub(crate) async fn run(address: &Address, args: &DoctorArgs, json: bool) -> Result<Exit, Failure> {
    let request = request(args)?;
    let findings = findings(&mut client::access(address).await?, request).await?;
    let exit = exit(&findings);
    if json {
        for finding in findings {
            console::json(&finding)?;
        }
    } else {
        console::write(
            &findings
                .iter()
                .map(|finding| lines(finding, console::is_utf8()))
                .collect::<String>(),
        )?;
    }
    Ok(exit)
}

/// The request of these arguments.
///
/// # Errors
/// The number is none.
pub(crate) fn request(args: &DoctorArgs) -> Result<DiagnoseRequest, Failure> {
    let who = match &args.number {
        Some(given) => person("NUMBER", given)?,
        None => String::new(),
    };
    Ok(DiagnoseRequest {
        who,
        link: args.link,
    })
}

/// Runs the diagnosis.
pub(crate) async fn findings(
    agent: &mut AccessClient<Channel>,
    request: DiagnoseRequest,
) -> Result<Vec<Finding>, Failure> {
    let who = request.who.clone();
    let whole = |text: &str| Numbers::chosen().show_in(text, &who);
    // The agent queries WhatsApp, which may run into the agent's own timeouts.
    let answer = agent.diagnose(request).await?;
    let mut findings = answer.into_inner().findings;
    for finding in &mut findings {
        finding.text = whole(&finding.text);
        finding.hint = whole(&finding.hint);
    }
    Ok(findings)
}

/// Shows whether something is wrong.
pub(crate) fn exit(findings: &[Finding]) -> Exit {
    let wrong = findings.iter().any(|one| one.state() == FindingState::Bad);
    if wrong { Exit::Refused } else { Exit::Done }
}

/// A finding, with the next step on the line below.
fn lines(finding: &Finding, utf8: bool) -> String {
    let mark = match (finding.state(), utf8) {
        (FindingState::Good, true) => "✓",
        (FindingState::Good, false) => "ok:",
        (FindingState::Bad, true) => "✗",
        (FindingState::Bad, false) => "BAD:",
        (_, true) => "·",
        (_, false) => "note:",
    };
    let arrow = if utf8 { "→" } else { "->" };
    let text = text::one_line(&finding.text);
    if finding.hint.is_empty() {
        return format!("{mark} {text}\n");
    }
    let hint = text::one_line(&finding.hint);
    format!("{mark} {text}\n  {arrow} {hint}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_a_state_and_a_next_step() {
        let mut finding = Finding {
            check: "link".to_owned(),
            state: FindingState::Good.into(),
            text: "the agent is connected".to_owned(),
            hint: String::new(),
        };
        assert_eq!(lines(&finding, true), "✓ the agent is connected\n");
        assert!(lines(&finding, false).is_ascii());
        finding.set_state(FindingState::Bad);
        finding.text = "it is\u{1b}[2J not".to_owned();
        finding.hint = "pair it".to_owned();
        assert!(lines(&finding, false).is_ascii());
        let text = lines(&finding, true);
        assert!(text.starts_with("✗ it is") && text.ends_with(" not\n  → pair it\n"));
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

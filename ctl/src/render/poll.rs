//! The results of a poll.

use openclaw_proto::v1::{
    GetPollResultsResponse, PollIncompleteReason as Reason, PollOptionResult,
};

use super::people::person;
use super::word::words;
use crate::text::one_line;

/// The question, a line for each option, and the number of voters:
///
/// ```text
/// Tea or coffee?
///      2  tea: +15550100002, +15550100003
///      0  coffee
/// 2 people have voted
/// ```
pub(crate) fn results(results: &GetPollResultsResponse) -> String {
    let mut text = format!("{}\n", one_line(&results.question));
    for option in &results.options {
        text.push_str(&line(option));
    }
    text.push_str(&match results.voters {
        1 => "1 person has voted\n".to_owned(),
        voters => format!("{voters} people have voted\n"),
    });
    text
}

fn line(option: &PollOptionResult) -> String {
    let PollOptionResult {
        name,
        votes,
        voters,
    } = option;
    let mut line = format!("{votes:>6}  {}", one_line(name));
    if !voters.is_empty() {
        let people: Vec<String> = voters.iter().map(|voter| person(Some(voter))).collect();
        line.push_str(&format!(": {}", people.join(", ")));
    }
    line.push('\n');
    line
}

/// Why votes may be missing, for a person.
pub(crate) fn missing(results: &GetPollResultsResponse) -> Vec<String> {
    let reasons = results.incomplete.iter();
    let reasons = reasons.map(|reason| match Reason::try_from(*reason) {
        Ok(Reason::SealedVotes) => match results.sealed {
            1 => "the last vote of 1 person could not be decrypted".to_owned(),
            people => format!("the last votes of {people} people could not be decrypted"),
        },
        Ok(Reason::EventsGone) => "events since the poll are no longer kept".to_owned(),
        Ok(Reason::EventsDamaged) => "events since the poll are damaged".to_owned(),
        Ok(Reason::TooMany) => {
            "there are too many events since the poll, the newest are counted".to_owned()
        }
        Ok(Reason::OwnMessagesGone) => {
            "the content of some messages of the account is no longer kept".to_owned()
        }
        Ok(Reason::Unspecified) | Err(_) => words::<Reason>(*reason),
    });
    reasons.collect()
}

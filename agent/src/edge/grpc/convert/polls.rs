//! The results of polls.

use openclaw_proto::convert::contact;
use openclaw_proto::v1 as pb;
use openclaw_types::MessageRef;
use tonic::Status as GrpcStatus;

use super::count;
use super::outgoing::message_ref;
use crate::link::{Incomplete, OptionResult, PollResults};

pub(in crate::edge::grpc) fn poll_results_request(
    request: pb::GetPollResultsRequest,
) -> Result<MessageRef, GrpcStatus> {
    let pb::GetPollResultsRequest { poll } = request;
    message_ref("poll", poll)
}

pub(in crate::edge::grpc) fn poll_results(results: PollResults) -> pb::GetPollResultsResponse {
    let PollResults {
        question,
        selectable,
        options,
        voters,
        sealed,
        incomplete,
    } = results;
    let incomplete = incomplete.into_iter().map(|why| why_incomplete(why).into());
    pb::GetPollResultsResponse {
        question,
        selectable,
        options: options.into_iter().map(option).collect(),
        voters: count(voters),
        sealed: count(sealed),
        incomplete: incomplete.collect(),
    }
}

fn option(result: OptionResult) -> pb::PollOptionResult {
    let OptionResult {
        name,
        votes,
        voters,
    } = result;
    pb::PollOptionResult {
        name,
        votes: count(votes),
        voters: voters.into_iter().map(contact).collect(),
    }
}

const fn why_incomplete(why: Incomplete) -> pb::PollIncompleteReason {
    use pb::PollIncompleteReason as Wire;
    match why {
        Incomplete::SealedVotes => Wire::SealedVotes,
        Incomplete::EventsGone => Wire::EventsGone,
        Incomplete::EventsDamaged => Wire::EventsDamaged,
        Incomplete::TooMany => Wire::TooMany,
        Incomplete::OwnMessagesGone => Wire::OwnMessagesGone,
    }
}

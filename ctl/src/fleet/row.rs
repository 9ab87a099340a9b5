//! One agent of a fleet: its answer, or why there is none.

use std::sync::Arc;

use serde::Serialize;

use super::question::{Answer, Question};
use super::table::NONE;
use crate::address::Address;
use crate::context::Name;
use crate::context::store::Store;
use crate::failure::{Exit, Failure};

/// The outcome for the agent of a context.
pub(super) struct Row {
    context: Name,
    /// `None` if the context cannot be read.
    endpoint: Option<String>,
    outcome: Result<Answer, Failure>,
}

/// The JSON form: either `answer` or `error` is `null`.
#[derive(Serialize)]
struct Json<'a, E> {
    context: &'a str,
    endpoint: Option<&'a str>,
    exit: u8,
    answer: Option<&'a Answer>,
    error: Option<E>,
}

impl Row {
    /// Asks the agent, within the time limit of the question.
    pub(super) async fn ask(store: &Store, context: Name, question: &Question) -> Self {
        let loaded = match store.load(&context) {
            Ok(loaded) => loaded,
            Err(failure) => {
                return Self {
                    context,
                    endpoint: None,
                    outcome: Err(failure),
                };
            }
        };
        let endpoint = loaded.endpoint().to_string();
        let address = Address::Context(Arc::new(loaded));
        let limit = question.limit();
        let outcome = match tokio::time::timeout(limit, question.ask(&address)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::unreachable(format!(
                "the agent at {endpoint} did not answer within {} s",
                limit.as_secs()
            ))
            .with_reason("NO_ANSWER")
            .with_hint("see the agent's log; restart it if it hangs")),
        };
        Self {
            context,
            endpoint: Some(endpoint),
            outcome,
        }
    }

    /// The context.
    pub(super) const fn context(&self) -> &Name {
        &self.context
    }

    /// The exit code that the command would have for this agent alone.
    pub(super) fn exit(&self) -> Exit {
        match &self.outcome {
            Ok(answer) => answer.exit(),
            Err(failure) => failure.exit(),
        }
    }

    /// True if there is no answer.
    pub(super) const fn is_failed(&self) -> bool {
        self.outcome.is_err()
    }

    /// One line of the table, of so many columns. Without an answer: the kind of failure, and the reason in the last column.
    pub(super) fn cells(&self, columns: usize) -> Vec<String> {
        let mut cells = vec![self.context.to_string()];
        match &self.outcome {
            Ok(answer) => cells.extend(answer.cells(&self.context)),
            Err(failure) => {
                cells.extend([NONE.to_owned(), kind(failure.exit()).to_owned()]);
                cells.resize(columns - 1, NONE.to_owned());
                cells.push(failure.to_string());
            }
        }
        cells
    }

    /// The object of this agent.
    pub(super) fn json(&self) -> impl Serialize {
        Json {
            context: self.context.as_str(),
            endpoint: self.endpoint.as_deref(),
            exit: self.exit().code(),
            answer: self.outcome.as_ref().ok(),
            error: self.outcome.as_ref().err().map(Failure::json),
        }
    }
}

fn kind(exit: Exit) -> &'static str {
    match exit {
        Exit::Unreachable => "unreachable",
        Exit::Refused => "refused",
        Exit::Configuration => "unusable",
        Exit::Done | Exit::Failed | Exit::Usage | Exit::Partly => "failed",
    }
}

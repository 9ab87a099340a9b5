//! Failures, as an assistant gets them: as the result of a tool, which it reads, or as an error of a request.

use rmcp::ErrorData;
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::json;

use crate::failure::{Exit, Failure};
use crate::text;

#[derive(Serialize)]
struct Shown {
    error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    hint: String,
}

fn shown(failure: &Failure) -> Shown {
    Shown {
        error: failure.to_string(),
        reason: failure.reason().map(str::to_owned),
        hint: text::one_line(failure.hint()),
    }
}

/// The result of a tool that failed.
pub(super) fn result(failure: &Failure) -> CallToolResult {
    let text = serde_json::to_string(&shown(failure)).unwrap_or_default();
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The error of a request for resources.
pub(super) fn data(failure: &Failure) -> ErrorData {
    let Shown {
        error,
        reason,
        hint,
    } = shown(failure);
    let data = Some(json!({ "reason": reason, "hint": hint }));
    match failure.exit() {
        Exit::Usage => ErrorData::invalid_params(error, data),
        Exit::Refused => ErrorData::resource_not_found(error, data),
        _ => ErrorData::internal_error(error, data),
    }
}

/// Arguments that are not those of the tool's schema.
pub(super) fn arguments(error: &serde_json::Error) -> Failure {
    Failure::usage(format!("arguments: {error}")).with_reason("INVALID_ARGUMENT")
}

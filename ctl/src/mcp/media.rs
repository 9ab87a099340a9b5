//! The file of a message, for an assistant: with progress, and hints that it can follow.

use rmcp::RoleServer;
use rmcp::service::RequestContext;

use super::progress::Progress;
use crate::address::Address;
use crate::failure::Failure;
use crate::media::whole::{self, Fetched, Wanted};

/// Downloads it.
///
/// # Errors
/// Those of [`whole::fetch`].
pub(super) async fn fetch(
    address: &Address,
    wanted: Wanted,
    context: &RequestContext<RoleServer>,
) -> Result<Fetched, Failure> {
    let fetched = whole::fetch(address, wanted, &mut Progress::of(context)).await;
    fetched.map_err(|failure| match failure.reason() {
        Some("MEDIA_TOO_LARGE") => failure.with_hint("the operator saves it with `openclawctl media get SEQ`, or starts `openclawctl mcp` with a larger --max-media"),
        Some("STREAM_TRUNCATED") => failure.with_hint("call again"),
        _ => failure,
    })
}

//! `w:m`: the media host, and a token for uploads.

use wacore_binary::Node;
use wacore_binary::builder::NodeBuilder;

use crate::number::DeviceId;
use crate::rules::iq::question::Question;
use crate::state::shared::Shared;
use crate::sync::lock;
use crate::wire::stanza;

/// One host, and a token for this companion.
pub(super) fn connection(shared: &Shared, id: &DeviceId, question: &Question<'_>) -> Node {
    let auth = lock(&shared.state).media.authorize(id);
    let host = NodeBuilder::new("host")
        .attr("hostname", shared.config.media_listen.to_string())
        .attr("type", "primary")
        .build();
    let connection = NodeBuilder::new("media_conn")
        .attr("auth", auth)
        .attr("ttl", "3600")
        .attr("auth_ttl", "3600")
        .attr("max_buckets", "12")
        .children([host])
        .build();
    stanza::result(question.node, [connection])
}

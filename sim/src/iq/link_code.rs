//! `md` `link_code_companion_reg`: linking by a code that is typed on the phone.

use std::sync::Arc;

use wacore_binary::Node;

use super::Question;
use crate::link::Link;
use crate::sim::Shared;
use crate::stanza;

pub(super) fn answer(_shared: &Shared, _link: &Arc<Link>, question: &Question<'_>) -> Node {
    stanza::error(question.node, 501, "feature-not-implemented")
}

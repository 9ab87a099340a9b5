//! `md` `link_code_companion_reg`: linking by a code that is typed on the phone.

use std::sync::Arc;

use wacore_binary::Node;

use super::Question;
use crate::link::Link;
use crate::sim::Shared;

pub(super) fn answer(shared: &Shared, link: &Arc<Link>, question: &Question<'_>) -> Node {
    shared.receive_link_code(link, question.node)
}

//! The report of a pairing that has linked the phone.

use openclaw_proto::v1::pair_frame::Frame as Wire;
use openclaw_proto::v1::{Linked, PairFrame};

use crate::console;
use crate::numbers::Numbers;

const NEXT: &str =
    "next: `openclawctl status` shows the link, `openclawctl watch` follows messages";

/// Reports the link: on stderr if stdout is only for data.
pub(super) fn report(linked: &Linked, json: bool, is_data: bool) {
    if json {
        console::report_json(&PairFrame {
            frame: Some(Wire::Linked(linked.clone())),
        });
        return;
    }
    let linked = format!("Linked: {}", Numbers::chosen().show(&linked.phone));
    if is_data {
        console::note(&linked);
    } else {
        console::report(&linked);
    }
    console::note(NEXT);
}

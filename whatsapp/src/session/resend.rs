//! Detects requests from recipients' devices to resend a message that they could not decrypt. The library answers them; the
//! agent logs and counts them.

use whatsapp_rust::OwnedNodeRef;

/// The id of the message to resend, if the stanza is such a request: `<receipt type="retry">`.
pub(super) fn requested(stanza: &OwnedNodeRef) -> Option<String> {
    let is_request = stanza.tag() == "receipt" && {
        let kind = stanza.get_attr("type");
        kind.is_some_and(|kind| matches!(&*kind.as_str(), "retry" | "enc_rekey_retry"))
    };
    let id = stanza.get_attr("id").filter(|_| is_request)?;
    Some(id.as_str().into_owned())
}

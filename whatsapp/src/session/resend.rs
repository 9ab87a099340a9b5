//! Requests of recipients' devices for a message that they could not decrypt: the library answers them, here they are noticed.

use whatsapp_rust::OwnedNodeRef;

/// The id of the message that a stanza asks for again, if it is such a request: `<receipt type="retry">`.
pub(super) fn requested(stanza: &OwnedNodeRef) -> Option<String> {
    let is_request = stanza.tag() == "receipt" && {
        let kind = stanza.get_attr("type");
        kind.is_some_and(|kind| matches!(&*kind.as_str(), "retry" | "enc_rekey_retry"))
    };
    let id = stanza.get_attr("id").filter(|_| is_request)?;
    Some(id.as_str().into_owned())
}

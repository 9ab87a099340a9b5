//! Retry receipts of companions: a companion could not decrypt a message, and requests it again.

use wacore_binary::{Jid, Node};

use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::phones::seal;
use crate::phones::seal::enc;
use crate::signal::address;
use crate::signal::party::{Bundle, Enc, Party, SignedPreKey};
use crate::state::error::Error;
use crate::state::sent::{Envelope, Sent, To};
use crate::state::shared::Shared;
use crate::sync::{lock, ready};
use crate::wire::content::{copy_for_own_devices, distribution};
use crate::wire::stanza;
use crate::wire::stanza::{child_array, child_number};

/// Encrypts a stored message of `author` again for the companion that requests it; in a new session if the receipt has
/// keys.
pub(crate) fn send_again(shared: &Shared, asker: &DeviceId, receipt: &Node, author: &DeviceId) {
    let Some(retry) = receipt.get_optional_child("retry") else {
        return;
    };
    let id = stanza::text(receipt, "id").unwrap_or_default();
    let count = stanza::text(retry, "count")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    let found = {
        let mut state = lock(&shared.state);
        let party = state.party(author);
        let mut sent = state.user(&author.0).sent.iter().rev();
        let sent = sent.find(|sent| sent.envelope.id == id && sent.envelope.from == *author);
        party.zip(sent.cloned())
    };
    let Some((party, sent)) = found else {
        tracing::warn!(%id, "retry receipt for an unknown message");
        return;
    };
    let mut party = lock(&party);
    let bundle = bundle(receipt);
    match seal_again(shared, &mut party, asker, bundle.as_ref(), &sent) {
        Ok(sealed) => {
            let encs = vec![enc(&sealed, Some(count))];
            let item = sent.envelope.item(asker, encs);
            deliver(&mut lock(&shared.state), asker, item);
        }
        Err(error) => tracing::error!(%error, %id, "cannot encrypt again"),
    }
}

fn seal_again(
    shared: &Shared,
    party: &mut Party,
    asker: &DeviceId,
    bundle: Option<&Bundle>,
    sent: &Sent,
) -> Result<Enc, Error> {
    let Envelope { from, to, .. } = &sent.envelope;
    let message = match to {
        To::Group(group, _) => {
            let group = Jid::group(group.as_str()).to_string();
            let key = ready(party.sender_key_distribution(&group, &address(from)))?;
            let mut message = sent.message.clone();
            message.sender_key_distribution_message =
                distribution(&group, key).sender_key_distribution_message;
            message
        }
        To::User(to, by) if asker.0 == from.0 => copy_for_own_devices(to, *by, &sent.message),
        To::User(..) | To::Broadcast(..) | To::OwnCompanion => sent.message.clone(),
    };
    let Some(bundle) = bundle else {
        return seal::seal(shared, party, asker, &message);
    };
    let address = address(asker);
    ready(party.open_session(&address, bundle))?;
    Ok(ready(party.encrypt(&address, None, &message))?)
}

/// The keys in a retry receipt.
fn bundle(receipt: &Node) -> Option<Bundle> {
    let keys = receipt.get_optional_child("keys")?;
    let skey = keys.get_optional_child("skey")?;
    let one_time = keys.get_optional_child("key");
    Some(Bundle {
        registration_id: child_number(receipt, "registration")?,
        identity: child_array(keys, "identity")?,
        signed: SignedPreKey {
            id: child_number(skey, "id")?,
            public: child_array(skey, "value")?,
            signature: child_array(skey, "signature")?,
        },
        one_time: one_time
            .and_then(|key| Some((child_number(key, "id")?, child_array(key, "value")?))),
    })
}

//! Retry receipts: a companion could not open something, and wants it sealed again.

use std::sync::Arc;

use wacore_binary::{Jid, Node};

use crate::delivery::deliver;
use crate::number::DeviceId;
use crate::phones::seal;
use crate::phones::seal::enc;
use crate::signal::address;
use crate::signal::party::{Bundle, Enc, Party, SignedPreKey};
use crate::state::error::Error;
use crate::state::sent::{Sent, To};
use crate::state::shared::Shared;
use crate::sync::{lock, ready};
use crate::wire::content::distribution;
use crate::wire::stanza;
use crate::wire::stanza::{child_array, child_number};

/// Seals a remembered message again for the companion that asks, in a new session if it brings keys.
pub(crate) fn send_again(shared: &Shared, asker: &DeviceId, receipt: &Node, author: &Jid) {
    let Some(retry) = receipt.get_optional_child("retry") else {
        return;
    };
    let id = stanza::text(receipt, "id").unwrap_or_default();
    let count = stanza::text(retry, "count")
        .and_then(|count| count.parse().ok())
        .unwrap_or(1);
    let found = {
        let mut state = lock(&shared.state);
        let author = state.resolve(author);
        author.and_then(|(number, _)| {
            let user = state.user(&number);
            let sent = user.sent.iter().rev().find(|sent| sent.envelope.id == id);
            Some((Arc::clone(&user.party), sent?.clone()))
        })
    };
    let Some((party, sent)) = found else {
        tracing::warn!(%id, "retry receipt for a message that nobody here sent");
        return;
    };
    let mut party = lock(&party);
    let bundle = bundle(receipt);
    if bundle.is_some() {
        party.forget_session(&address(asker));
    }
    match seal_again(shared, &mut party, asker, bundle.as_ref(), &sent) {
        Ok(sealed) => {
            let encs = vec![enc(&sealed, Some(count))];
            let item = sent.envelope.item(asker, encs);
            deliver(&mut lock(&shared.state), asker, item);
        }
        Err(error) => tracing::error!(%error, %id, "cannot seal again"),
    }
}

fn seal_again(
    shared: &Shared,
    party: &mut Party,
    asker: &DeviceId,
    bundle: Option<&Bundle>,
    sent: &Sent,
) -> Result<Enc, Error> {
    let mut message = sent.message.clone();
    if let To::Group(group, _) = &sent.envelope.to {
        let group = Jid::group(group.as_str()).to_string();
        let me = address(&(sent.envelope.from.clone(), 0));
        let key = ready(party.sender_key_distribution(&group, &me))?;
        message.sender_key_distribution_message =
            distribution(&group, key).sender_key_distribution_message;
    }
    match bundle {
        Some(bundle) => Ok(ready(party.encrypt(
            &address(asker),
            Some(bundle),
            &message,
        ))?),
        None => seal::seal(shared, party, asker, &message),
    }
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

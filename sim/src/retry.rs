//! Retry receipts: a companion could not open something, and wants it sealed again.

use std::sync::Arc;

use wacore_binary::{Jid, Node};

use crate::outbound::{self, Sent, To, address, distribution};
use crate::party::{Bundle, Enc, Party, SignedPreKey};
use crate::sim::{Error, Shared};
use crate::stanza::{self, child_array, child_number};
use crate::state::DeviceId;
use crate::sync::{lock, ready};

impl Shared {
    /// Seals a remembered message again for the companion that asks, in a new session if it brings keys.
    pub(crate) fn send_again(&self, asker: &DeviceId, receipt: &Node, author: &Jid) {
        let Some(retry) = receipt.get_optional_child("retry") else {
            return;
        };
        let id = stanza::text(receipt, "id").unwrap_or_default();
        let count = stanza::text(retry, "count")
            .and_then(|count| count.parse().ok())
            .unwrap_or(1);
        let found = {
            let mut state = lock(&self.state);
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
        match self.seal_again(&mut party, asker, bundle.as_ref(), &sent) {
            Ok(sealed) => {
                let encs = vec![outbound::enc(&sealed, Some(count))];
                let item = sent.envelope.item(asker, encs);
                lock(&self.state).deliver(asker, item);
            }
            Err(error) => tracing::error!(%error, %id, "cannot seal again"),
        }
    }

    fn seal_again(
        &self,
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
            None => self.seal(party, asker, &message),
        }
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

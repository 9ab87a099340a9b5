//! Messages that the phone sends to its own companions about the account itself.

use std::sync::Arc;

use buffa::{Message as _, MessageField};
use waproto::whatsapp as wa;
use waproto::whatsapp::message::ProtocolMessage;
use waproto::whatsapp::message::protocol_message::Type;

use crate::clock::unix_now;
use crate::number::Number;
use crate::phones::notices::subject::Subject;
use crate::phones::seal;
use crate::state::error::Error;
use crate::state::sent::Envelope;
use crate::state::shared::Shared;
use crate::sync::lock;

/// Sends one message from the phone to each of its companions. Returns its id.
pub(super) fn from_the_phone(
    shared: &Shared,
    account: &Number,
    message: &wa::Message,
) -> Result<String, Error> {
    let (party, companions) = {
        let mut state = lock(&shared.state);
        let party = Arc::clone(&state.user(account).party);
        (party, state.companions_of(account))
    };
    let envelope = Envelope::to_own_companion(account);
    let mut party = lock(&party);
    for companion in &companions {
        seal::send(shared, &mut party, companion, &envelope, message)?;
    }
    drop(party);
    shared.announce();
    Ok(envelope.id)
}

/// The mapping of LIDs to numbers: the account's chats are migrated to LIDs.
pub(super) fn lid_migration(subject: &Subject<'_>) -> wa::Message {
    let mapping = |number: &Number| wa::LIDMigrationMapping {
        pn: number.digits().parse().unwrap_or(0),
        assigned_lid: number.lid_user().parse().unwrap_or(0),
        latest_lid: None,
    };
    let payload = wa::LIDMigrationMappingSyncPayload {
        pn_to_lid_mappings: vec![mapping(subject.account), mapping(&subject.contact)],
        chat_db_migration_timestamp: Some(unix_now()),
    };
    let sync = wa::LIDMigrationMappingSyncMessage {
        encoded_mapping_payload: Some(payload.encode_to_vec()),
    };
    wa::Message {
        protocol_message: MessageField::some(ProtocolMessage {
            r#type: Some(Type::LID_MIGRATION_MAPPING_SYNC),
            lid_migration_mapping_sync_message: MessageField::some(sync),
            ..Default::default()
        }),
        ..Default::default()
    }
}

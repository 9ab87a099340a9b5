//! `sender-key-*.json`: the key that decrypts the messages of one device to one group; for our own device also
//! encrypts.

use whatsapp_rust::wacore::libsignal::protocol::{
    SenderChainKeyComponents, SenderKeyRecord, SenderKeyRecordComponents, SenderKeyStateComponents,
    SenderMessageKeyComponents, SenderSigningKeyComponents,
};

use super::creds::public_key;
use super::json::{Fault, Json};

/// The library's limit for states, newest first.
const MAX_STATES: usize = 5;
/// The library's limit for skipped messages of a state.
const MAX_MESSAGE_KEYS: usize = 2_000;

/// The states of a file, newest first.
#[derive(Clone)]
pub(super) struct SenderKey(Vec<SenderKeyStateComponents>);

impl SenderKey {
    /// The value is text in a Buffer; in old directories it may be the list itself.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let json = Json::parse(bytes)?;
        let json = match json.bytes() {
            Some(text) if !text.is_empty() => Json::parse(&text)?,
            _ => json,
        };
        let states = json.items().ok_or(Fault::Field("sender key"))?;
        let states: Vec<_> = states.iter().map(state).collect::<Result<_, _>>()?;
        if states.is_empty() {
            return Err(Fault::Empty);
        }
        Ok(Self(newest_first(states)))
    }

    /// Merges the keys of several devices of one person into one record, because the library stores them by person.
    /// The newest state of each device precedes the second state of any device.
    pub(super) fn merged(keys: Vec<Self>) -> Result<Vec<u8>, Fault> {
        let rounds = keys.iter().map(|key| key.0.len()).max().unwrap_or(0);
        let mut queues: Vec<_> = keys.into_iter().map(|key| key.0.into_iter()).collect();
        let mut states: Vec<SenderKeyStateComponents> = Vec::new();
        for _ in 0..rounds {
            for state in queues.iter_mut().filter_map(Iterator::next) {
                if !states.iter().any(|kept| kept.key_id == state.key_id) {
                    states.push(state);
                }
            }
        }
        states.truncate(MAX_STATES);
        let components = SenderKeyRecordComponents { states };
        let record = SenderKeyRecord::from_components(components);
        let record = record.and_then(|record| record.serialize());
        record.map_err(|_| Fault::Field("sender key"))
    }
}

/// In a file the newest state is last. If a chain was announced twice, it occurs twice, and Baileys continues with
/// the first occurrence. If the signing keys differ, they are different chains, and only the newest is used.
fn newest_first(states: Vec<SenderKeyStateComponents>) -> Vec<SenderKeyStateComponents> {
    let mut kept: Vec<SenderKeyStateComponents> = Vec::new();
    for mut state in states {
        if let Some(at) = kept.iter().position(|kept| kept.key_id == state.key_id) {
            let earlier = kept.remove(at);
            if earlier.signing_key.public == state.signing_key.public {
                state = earlier;
            }
        }
        kept.push(state);
    }
    kept.reverse();
    kept
}

fn state(json: &Json) -> Result<SenderKeyStateComponents, Fault> {
    let chain = json.at("senderChainKey")?;
    let signing = json.at("senderSigningKey")?;
    let public = public_key(&signing.bytes_at("public")?).ok_or(Fault::Field("public"))?;
    let private = signing.get("private").and_then(Json::bytes);
    let private = private.filter(|private| !private.is_empty());
    let mut message_keys = Vec::new();
    for key in json
        .get("senderMessageKeys")
        .and_then(Json::items)
        .unwrap_or(&[])
    {
        message_keys.push(SenderMessageKeyComponents {
            iteration: key.integer_at("iteration")?,
            seed: seed(key)?,
        });
    }
    let excess = message_keys.len().saturating_sub(MAX_MESSAGE_KEYS);
    message_keys.drain(..excess);
    Ok(SenderKeyStateComponents {
        key_id: json.integer_at("senderKeyId")?,
        chain_key: SenderChainKeyComponents {
            iteration: chain.integer_at("iteration")?,
            seed: seed(chain)?,
        },
        signing_key: SenderSigningKeyComponents {
            public: public.serialize().to_vec(),
            private,
        },
        message_keys,
    })
}

fn seed(json: &Json) -> Result<Vec<u8>, Fault> {
    json.array_at::<32>("seed").map(Vec::from)
}

//! `session-*.json`: libsignal-node's record of all sessions with one device, open and closed.
//!
//! The library checks and converts each session. This module decides what to pass to it: which of two open sessions
//! applies, which chains are still useful, and what remains if a session of the record is damaged.

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::libsignal::protocol::{
    LegacyIndexedSessionV1, LegacySessionBaseKeyRoleV1, LegacySessionChainCounterV1,
    LegacySessionChainKeyV1, LegacySessionChainRoleV1, LegacySessionChainV1,
    LegacySessionDispositionV1, LegacySessionIndexV1, LegacySessionKeyPairV1,
    LegacySessionLocalContext, LegacySessionMessageKeyV1, LegacySessionPendingPreKeyV1,
    LegacySessionRatchetV1, LegacySessionRecordV1, LegacySessionV1, SessionRecord,
};

use super::creds::public_key;
use super::json::{Fault, Json};

/// The library rejects a chain with more skipped messages.
const MAX_MESSAGE_KEYS: usize = 2_000;
/// The library's limit for receiving chains.
const MAX_RECEIVING_CHAINS: usize = 5;

/// A record in the library's encoding. Has no `Debug`.
pub(super) struct Session {
    pub(super) record: Vec<u8>,
    /// The identity key of the open session, or else of the session used last.
    pub(super) remote_identity: [u8; 32],
    /// The number of damaged sessions that were left out, and the total number.
    pub(super) damaged: usize,
    pub(super) all: usize,
}

impl Session {
    pub(super) fn parse(bytes: &[u8], local: LegacySessionLocalContext) -> Result<Self, Fault> {
        let json = Json::parse(bytes)?;
        let entries = json.at("_sessions")?.entries();
        let entries = entries.ok_or(Fault::Field("_sessions"))?;
        // Before version 1, a record had one registration id for all its sessions.
        let common = json.integer_at("registrationId").ok();
        let open = entries.iter().find(|(_, session)| is_open(session));
        let open = open.map(|(key, _)| key.as_str());
        let read =
            |key: &str, session: &Json| indexed(key, session, common, open == Some(key)).ok();
        let whole = |key: &str, session: &Json| {
            let alone = read(key, session).map(|session| translated(vec![session], local));
            alone.flatten().is_some()
        };
        let kept: Vec<_> = entries
            .iter()
            .filter(|(key, session)| whole(key, session))
            .collect();
        let identity = kept
            .iter()
            .max_by_key(|(key, session)| (open == Some(key.as_str()), used(session)))
            .and_then(|(_, session)| remote_identity(session))
            .ok_or(Fault::NoSession)?;
        let sessions = kept.iter().filter_map(|(key, session)| read(key, session));
        let record = translated(sessions.collect(), local).ok_or(Fault::NoSession)?;
        Ok(Self {
            record: record.serialize().map_err(|_| Fault::NoSession)?,
            remote_identity: identity,
            damaged: entries.len() - kept.len(),
            all: entries.len(),
        })
    }
}

fn translated(
    sessions: Vec<LegacyIndexedSessionV1>,
    local: LegacySessionLocalContext,
) -> Option<SessionRecord> {
    let record = LegacySessionRecordV1::from_indexed_sessions(sessions).ok()?;
    record.into_session_record(local).ok()
}

/// In libsignal-node a session is open if its time of closing is -1.
fn is_open(session: &Json) -> bool {
    let index = session.get("indexInfo");
    index.and_then(|index| index.get("closed")?.integer()) == Some(-1)
}

fn used(session: &Json) -> i64 {
    let used = |index: &Json| index.get("used")?.integer();
    session.get("indexInfo").and_then(used).unwrap_or(0)
}

fn remote_identity(session: &Json) -> Option<[u8; 32]> {
    let key = session
        .get("indexInfo")?
        .get("remoteIdentityKey")?
        .bytes()?;
    public_key(&key)?.public_key_bytes().try_into().ok()
}

fn bytes_at(json: &Json, field: &'static str) -> Result<Bytes, Fault> {
    json.bytes_at(field).map(Bytes::from)
}

/// `open` is true for the record's open session; a second open session is treated as closed at its last use.
fn indexed(
    key: &str,
    session: &Json,
    common: Option<u32>,
    open: bool,
) -> Result<LegacyIndexedSessionV1, Fault> {
    let ratchet = session.at("currentRatchet")?;
    let pair = ratchet.at("ephemeralKeyPair")?;
    let last_remote = bytes_at(ratchet, "lastRemoteEphemeralKey")?;
    let registration_id = session.integer_at("registrationId").ok().or(common);
    Ok(LegacyIndexedSessionV1 {
        index_key: Bytes::from(super::json::base64(key).ok_or(Fault::Field("_sessions"))?),
        session: LegacySessionV1 {
            registration_id: registration_id.ok_or(Fault::Field("registrationId"))?,
            chains: chains(session, &last_remote)?,
            ratchet: LegacySessionRatchetV1 {
                key_pair: LegacySessionKeyPairV1 {
                    public: bytes_at(pair, "pubKey")?,
                    private: bytes_at(pair, "privKey")?,
                },
                last_remote_ephemeral_key: last_remote,
                previous_counter: ratchet.integer_at("previousCounter")?,
                root_key: bytes_at(ratchet, "rootKey")?,
            },
            index: index(session.at("indexInfo")?, open)?,
            pending_pre_key: session.get("pendingPreKey").map(pending).transpose()?,
        },
    })
}

fn index(json: &Json, open: bool) -> Result<LegacySessionIndexV1, Fault> {
    let moment = |field| {
        let time = json.get(field).and_then(Json::integer).unwrap_or(0);
        u64::try_from(time).unwrap_or(0)
    };
    let closed = json.get("closed").and_then(Json::integer);
    let closed = closed.filter(|at| *at >= 0);
    let disposition = if open {
        LegacySessionDispositionV1::Current
    } else {
        let used = i64::try_from(moment("used")).unwrap_or(0);
        LegacySessionDispositionV1::Archived {
            closed_at_ms: closed.unwrap_or(used),
        }
    };
    let role = LegacySessionBaseKeyRoleV1::try_from(json.integer_at::<u32>("baseKeyType")?);
    Ok(LegacySessionIndexV1 {
        base_key: bytes_at(json, "baseKey")?,
        base_key_role: role.map_err(|_| Fault::Field("baseKeyType"))?,
        disposition,
        used_at_ms: moment("used"),
        created_at_ms: moment("created"),
        remote_identity_key: bytes_at(json, "remoteIdentityKey")?,
    })
}

fn pending(json: &Json) -> Result<LegacySessionPendingPreKeyV1, Fault> {
    let id = json.get("preKeyId").map(|_| json.integer_at("preKeyId"));
    Ok(LegacySessionPendingPreKeyV1 {
        pre_key_id: id.transpose()?,
        signed_pre_key_id: json.integer_at("signedKeyId")?,
        base_key: bytes_at(json, "baseKey")?,
    })
}

/// The sending chains, and the newest receiving chains that can still decrypt something.
///
/// libsignal-node never drops a receiving chain. The library keeps five, and derives their age from their order in
/// the file. Therefore closed chains without skipped messages are left out, to leave space for older ones that have
/// some.
fn chains(session: &Json, last_remote: &[u8]) -> Result<Vec<LegacySessionChainV1>, Fault> {
    let entries = session.at("_chains")?.entries();
    let mut receiving = 0;
    let mut kept = Vec::new();
    for (key, json) in entries.ok_or(Fault::Field("_chains"))?.iter().rev() {
        let key = super::json::base64(key).ok_or(Fault::Field("_chains"))?;
        let chain = chain(key, json)?;
        let newest = chain.ratchet_key == last_remote;
        if chain.role == LegacySessionChainRoleV1::Receiving && !newest {
            let useless = chain.chain_key.key.is_none() && chain.message_keys.is_empty();
            if useless || receiving == MAX_RECEIVING_CHAINS {
                continue;
            }
            receiving += 1;
        }
        kept.push(chain);
    }
    kept.reverse();
    Ok(kept)
}

fn chain(key: Vec<u8>, json: &Json) -> Result<LegacySessionChainV1, Fault> {
    let chain_key = json.at("chainKey")?;
    let counter = LegacySessionChainCounterV1::new(chain_key.integer_at("counter")?);
    let role: u32 = json.integer_at("chainType")?;
    let seed = chain_key.get("key").map(|_| bytes_at(chain_key, "key"));
    let mut message_keys = Vec::new();
    for (index, seed) in json
        .get("messageKeys")
        .and_then(Json::entries)
        .unwrap_or(&[])
    {
        message_keys.push(LegacySessionMessageKeyV1 {
            index: index.parse().map_err(|_| Fault::Field("messageKeys"))?,
            seed: Bytes::from(seed.bytes().ok_or(Fault::Field("messageKeys"))?),
        });
    }
    message_keys.sort_unstable_by_key(|key| key.index);
    let excess = message_keys.len().saturating_sub(MAX_MESSAGE_KEYS);
    message_keys.drain(..excess);
    Ok(LegacySessionChainV1 {
        ratchet_key: Bytes::from(key),
        role: LegacySessionChainRoleV1::try_from(role).map_err(|_| Fault::Field("chainType"))?,
        chain_key: LegacySessionChainKeyV1 {
            counter: counter.map_err(|_| Fault::Field("counter"))?,
            key: seed.transpose()?,
        },
        message_keys,
    })
}

/// A context for tests in which only the peer's bytes matter.
pub(super) fn context_without_device() -> LegacySessionLocalContext {
    // The base point of the curve: a valid public key whose secret is of no use here.
    let mut generator = [0; 32];
    generator[0] = 9;
    let key = public_key(&generator).expect("the base point is a public key");
    LegacySessionLocalContext {
        identity_key: whatsapp_rust::wacore::libsignal::protocol::IdentityKey::new(key),
        registration_id: 1,
    }
}

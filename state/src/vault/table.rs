//! The tables, by number. Numbers are never reused: volumes hold them.

use openclaw_vault::Table;

/// The table numbers, each with its contents: `scope, id -> value`.
#[derive(Debug, Clone, Copy)]
pub struct Tables;

impl Tables {
    /// The device's credentials: `"", "" -> device`.
    pub const DEVICE: Table = Table(1);
    /// Identity keys of others: `user, address -> 32 bytes`.
    pub const IDENTITIES: Table = Table(2);
    /// Signal sessions: `user, address -> record`.
    pub const SESSIONS: Table = Table(3);
    /// One-time prekeys: `"", id -> uploaded, record`.
    pub const PREKEYS: Table = Table(4);
    /// Signed prekeys: `"", id -> record`.
    pub const SIGNED_PREKEYS: Table = Table(5);
    /// Sender keys of groups: `group, address -> record`.
    pub const SENDER_KEYS: Table = Table(6);
    /// Keys of the app state: `"", key id -> key`.
    pub const SYNC_KEYS: Table = Table(7);
    /// The latest of them: `"", "" -> key id`.
    pub const LATEST_SYNC_KEY: Table = Table(8);
    /// Versions of the app state's collections: `"", collection -> state`.
    pub const VERSIONS: Table = Table(9);
    /// MACs of the app state's mutations: `collection, index MAC -> value MAC`.
    pub const MUTATION_MACS: Table = Table(10);
    /// Which devices have our sender key: `group, device -> has it`.
    pub const SENDER_KEY_DEVICES: Table = Table(11);
    /// LIDs and their numbers: `"", lid -> mapping`.
    pub const LID_MAPPINGS: Table = Table(12);
    /// The reverse: `"", number -> lid`.
    pub const LID_OF_NUMBER: Table = Table(13);
    /// Base keys of sessions, to detect retry collisions: `address, message -> key`.
    pub const BASE_KEYS: Table = Table(14);
    /// Devices of users: `"", user -> record`.
    pub const DEVICE_LISTS: Table = Table(15);
    /// Metadata of groups: `"", group -> bytes`.
    pub const GROUPS: Table = Table(16);
    /// Tokens of trusted contacts: `"", user -> token`.
    pub const TC_TOKENS: Table = Table(17);
    /// Messages sent, for retries: `chat, message -> time, message`.
    pub const SENT_MESSAGES: Table = Table(18);
    /// Messages that were decrypted but not committed yet: `chat, sender and message -> time, message`.
    pub const PENDING_INBOUND: Table = Table(19);
    /// Secrets of messages, for reactions and edits: `chat, sender and message -> secret, expiry, time`.
    pub const MESSAGE_SECRETS: Table = Table(20);
    /// The highest id that a one-time prekey has had; usually that prekey exists: `"", "" -> id`.
    pub const HIGHEST_PREKEY: Table = Table(21);
    /// The disappearing-messages timers of chats: `"", chat -> seconds`.
    pub const CHAT_TIMERS: Table = Table(22);
    /// LIDs and numbers that stanzas showed as a pair: `"lid", lid -> number` and `"number", number -> lid`.
    pub const SHOWN_LIDS: Table = Table(23);
    /// Numbers that WhatsApp spells in another way: `"", number -> number as WhatsApp spells it`.
    pub const SPELLINGS: Table = Table(24);

    /// Groups, as WhatsApp describes them: `"name", group -> name`, `"group", group -> description` and `"listed", ""`.
    pub const KNOWN_GROUPS: Table = Table(30);
    /// People, with their names and what WhatsApp reports of them: `"", JID -> profile`.
    pub const PROFILES: Table = Table(31);

    /// The part of the link's state that survives a restart: `"", "" -> link`.
    pub const LINK: Table = Table(64);
    /// Events not yet in a segment: `"", seq -> event`.
    pub const JOURNAL: Table = Table(65);
    /// Events in files: `"", number of the file -> its key and contents`.
    pub const JOURNAL_SEGMENTS: Table = Table(66);
    /// The first seq of the journal: `"", "" -> seq`.
    pub const JOURNAL_STATE: Table = Table(67);
    /// Outgoing messages: `"", token -> message and progress`.
    pub const OUTBOX: Table = Table(68);
    /// Consumers and their cursors: `"", name -> seq`.
    pub const CONSUMERS: Table = Table(70);
    /// Allowlist entries that were added at runtime: `"", entry -> when`.
    pub const ALLOW: Table = Table(71);
    /// Messages whose sender must be resolved before they can be judged: `"", mark -> message`.
    pub const HELD: Table = Table(72);
    /// The key pair of the agent's API: `"", "" -> key, certificate`.
    pub const IDENTITY: Table = Table(73);
    /// Clients of the network API: `"", fingerprint -> client`.
    pub const CLIENTS: Table = Table(74);
    /// Enrolment codes: `"", id -> code`.
    pub const CODES: Table = Table(75);
    /// The keys of clients that the settings name and that were applied: `"", fingerprint -> nothing`.
    pub const PINNED_KEYS: Table = Table(87);
    /// Pending alerts and the latest finished ones: `"", number -> alert`.
    pub const ALERTS: Table = Table(76);
    /// The reported problem that is not resolved, and when the link was last up: `"", "" -> history`.
    pub const ALERT_STATE: Table = Table(77);
    /// Files to send: `"", media id -> file`, `"claim", media id -> token`, `"hosted", media id -> address`.
    pub const UPLOADS: Table = Table(78);
    /// The state of agent time: `"", "" -> mark`; and the ages of events: `"journal", "" -> marks`.
    pub const CLOCK: Table = Table(85);
    /// The versions of WhatsApp Web that are known: `"", "" -> versions`.
    pub const CLIENT_VERSION: Table = Table(86);

    /// The agent's own tables, which belong to no account: they survive a change of account, and a restore does not
    /// replace them.
    pub const OWN: [Table; 8] = [
        Self::IDENTITY,
        Self::CLIENTS,
        Self::CODES,
        Self::PINNED_KEYS,
        Self::ALERTS,
        Self::ALERT_STATE,
        Self::CLOCK,
        Self::CLIENT_VERSION,
    ];

    /// The tables of one account, which are cleared when another account is linked. Events and consumers stay, and so
    /// do outgoing messages: tokens stay valid, and a queued message is sent from its own account or fails.
    pub const ACCOUNT: [Table; 28] = [
        Self::DEVICE,
        Self::IDENTITIES,
        Self::SESSIONS,
        Self::PREKEYS,
        Self::SIGNED_PREKEYS,
        Self::SENDER_KEYS,
        Self::SYNC_KEYS,
        Self::LATEST_SYNC_KEY,
        Self::VERSIONS,
        Self::MUTATION_MACS,
        Self::SENDER_KEY_DEVICES,
        Self::LID_MAPPINGS,
        Self::LID_OF_NUMBER,
        Self::BASE_KEYS,
        Self::DEVICE_LISTS,
        Self::GROUPS,
        Self::TC_TOKENS,
        Self::SENT_MESSAGES,
        Self::PENDING_INBOUND,
        Self::MESSAGE_SECRETS,
        Self::HIGHEST_PREKEY,
        Self::CHAT_TIMERS,
        Self::SHOWN_LIDS,
        Self::SPELLINGS,
        Self::KNOWN_GROUPS,
        Self::PROFILES,
        Self::LINK,
        Self::HELD,
    ];
}

//! The tables, by number. A number given once keeps its meaning for good: volumes hold it.

use openclaw_vault::Table;

/// Which table holds what: `scope, id -> value`.
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
    /// Which of them is the latest: `"", "" -> key id`.
    pub const LATEST_SYNC_KEY: Table = Table(8);
    /// Versions of the app state's collections: `"", collection -> state`.
    pub const VERSIONS: Table = Table(9);
    /// MACs of the app state's mutations: `collection, index MAC -> value MAC`.
    pub const MUTATION_MACS: Table = Table(10);
    /// Who has our sender key: `group, device -> has it`.
    pub const SENDER_KEY_DEVICES: Table = Table(11);
    /// LIDs and their numbers: `"", lid -> mapping`.
    pub const LID_MAPPINGS: Table = Table(12);
    /// The way back: `"", number -> lid`.
    pub const LID_OF_NUMBER: Table = Table(13);
    /// Base keys of sessions, to notice retry collisions: `address, message -> key`.
    pub const BASE_KEYS: Table = Table(14);
    /// Devices of users: `"", user -> record`.
    pub const DEVICE_LISTS: Table = Table(15);
    /// Metadata of groups: `"", group -> bytes`.
    pub const GROUPS: Table = Table(16);
    /// Tokens of trusted contacts: `"", user -> token`.
    pub const TC_TOKENS: Table = Table(17);
    /// Messages sent, for retries: `chat, message -> time, message`.
    pub const SENT_MESSAGES: Table = Table(18);
    /// Messages decrypted and not yet committed: `chat, sender and message -> time, message`.
    pub const PENDING_INBOUND: Table = Table(19);
    /// Secrets of messages, for reactions and edits: `chat, sender and message -> secret, expiry, time`.
    pub const MESSAGE_SECRETS: Table = Table(20);
    /// No one-time prekey has a higher id than this, and usually this one is there: `"", "" -> id`.
    pub const HIGHEST_PREKEY: Table = Table(21);
    /// After how long messages of a chat disappear: `"", chat -> seconds`.
    pub const CHAT_TIMERS: Table = Table(22);
    /// LIDs and numbers that stanzas showed as a pair: `"lid", lid -> number` and `"number", number -> lid`.
    pub const SHOWN_LIDS: Table = Table(23);

    /// How the link is, as far as it outlives the process: `"", "" -> link`.
    pub const LINK: Table = Table(64);
    /// Events not yet in a segment: `"", seq -> event`.
    pub const JOURNAL: Table = Table(65);
    /// Events in files: `"", number of the file -> its key and what is in it`.
    pub const JOURNAL_SEGMENTS: Table = Table(66);
    /// Where the journal began: `"", "" -> seq`.
    pub const JOURNAL_STATE: Table = Table(67);
    /// Messages of ours: `"", token -> message and how far it came`.
    pub const OUTBOX: Table = Table(68);
    /// Programs that want their place in the journal remembered: `"", name -> seq`.
    pub const CONSUMERS: Table = Table(70);
    /// Who is allowed in addition to those of the settings file: `"", entry -> when`.
    pub const ALLOW: Table = Table(71);
    /// Messages whose sender is not known well enough yet to be judged: `"", mark -> message`.
    pub const HELD: Table = Table(72);
    /// The agent's own key pair towards its clients: `"", "" -> key, certificate`.
    pub const IDENTITY: Table = Table(73);
    /// Who may call over the network: `"", fingerprint -> client`.
    pub const CLIENTS: Table = Table(74);
    /// Codes with which a client enrolls: `"", id -> code`.
    pub const CODES: Table = Table(75);
    /// Alerts, waiting and the latest that are over: `"", number -> alert`.
    pub const ALERTS: Table = Table(76);
    /// What was alerted and is not over, and when the link was last up: `"", "" -> history`.
    pub const ALERT_STATE: Table = Table(77);
    /// Where the agent's time is: `"", "" -> mark`; and how old events are: `"journal", "" -> marks`.
    pub const CLOCK: Table = Table(85);

    /// What is the agent's own and no account's: it outlives them, and is in no backup that is restored.
    pub const OWN: [Table; 6] = [
        Self::IDENTITY,
        Self::CLIENTS,
        Self::CODES,
        Self::ALERTS,
        Self::ALERT_STATE,
        Self::CLOCK,
    ];

    /// What belongs to one account, and goes when another is linked. Events stay, and who reads them; so do messages of
    /// ours: a token is not forgotten, and what waits goes from its own account or fails.
    pub const ACCOUNT: [Table; 25] = [
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
        Self::LINK,
        Self::HELD,
    ];
}

//! The arguments of `group`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueEnum};

use super::chats::PictureArgs;

/// `group`.
#[derive(Debug, Subcommand)]
pub(crate) enum GroupCommand {
    /// List the groups of the account: JID, number of members, name.
    List {
        /// Ask WhatsApp instead of listing what the agent knows.
        #[arg(long)]
        fresh: bool,
    },
    /// Show a group with its members.
    Show {
        /// The group: its JID (…@g.us).
        id: String,
        /// Ask WhatsApp instead of showing what the agent knows.
        #[arg(long)]
        fresh: bool,
    },
    /// Create a group, and print its JID.
    Create {
        /// Its name: up to 100 characters.
        name: String,
        /// The members: numbers such as +15550100123, or LIDs (…@lid).
        #[arg(required = true, value_name = "MEMBER")]
        members: Vec<String>,
    },
    /// Change the name, the description, the picture or the settings of a group.
    ///
    /// The changes are made one after the other, the picture last; if one is refused, those before it stay.
    Set(GroupSetArgs),
    /// Add people to a group. Exits with 4 if one of them was not added.
    Add(GroupPeopleArgs),
    /// Remove people from a group.
    Remove(GroupPeopleArgs),
    /// Make members admins.
    Promote(GroupPeopleArgs),
    /// Make admins normal members.
    Demote(GroupPeopleArgs),
    /// Save the picture of a group, a JPEG.
    ///
    /// It is written to FILE.part, and renamed to FILE when it is complete.
    Picture {
        /// The group: its JID (…@g.us).
        id: String,
        /// The file; `-` is stdout.
        file: PathBuf,
        /// How to save it.
        #[command(flatten)]
        saving: PictureArgs,
    },
    /// Leave a group.
    Leave {
        /// The group: its JID (…@g.us).
        id: String,
    },
    /// Print the invite link of a group. Anyone who has it can join.
    Link {
        /// The group: its JID (…@g.us).
        id: String,
        /// Replace the link with a new one: the old one stops working.
        #[arg(long)]
        reset: bool,
    },
    /// Join a group by its invite link, and print its JID.
    Join {
        /// The link (https://chat.whatsapp.com/…), or the code at its end.
        link: String,
    },
    /// List, approve or reject requests to join a group.
    Requests {
        /// The group: its JID (…@g.us).
        id: String,
        /// Approve the requests of these people, by number or LID.
        #[arg(long, value_name = "NUMBER", num_args = 1.., conflicts_with = "reject")]
        approve: Vec<String>,
        /// Reject the requests of these people, by number or LID.
        #[arg(long, value_name = "NUMBER", num_args = 1..)]
        reject: Vec<String>,
    },
}

/// `group add`, `remove`, `promote`, `demote`.
#[derive(Debug, Args)]
pub(crate) struct GroupPeopleArgs {
    /// The group: its JID (…@g.us).
    pub(crate) id: String,
    /// The people: numbers such as +15550100123, or LIDs (…@lid).
    #[arg(required = true, value_name = "MEMBER")]
    pub(crate) members: Vec<String>,
}

/// `group set`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("change").required(true).multiple(true).args([
    "name", "description", "picture", "announce", "locked", "approval", "admins_add", "timer",
]))]
pub(crate) struct GroupSetArgs {
    /// The group: its JID (…@g.us).
    pub(crate) id: String,
    /// New name: up to 100 characters.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// New description; an empty one removes it.
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// New picture: a JPEG of at most 512 KiB, best a square of 640 pixels; `none` removes it.
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: Option<PathBuf>,
    /// Whether only admins can send messages.
    #[arg(long, value_enum, value_name = "on|off")]
    pub(crate) announce: Option<Switch>,
    /// Whether only admins can change the name, the description, the picture and the timer.
    #[arg(long, value_enum, value_name = "on|off")]
    pub(crate) locked: Option<Switch>,
    /// Whether an admin has to approve those who join by the invite link.
    #[arg(long, value_enum, value_name = "on|off")]
    pub(crate) approval: Option<Switch>,
    /// Whether only admins can add people.
    #[arg(long, value_enum, value_name = "on|off")]
    pub(crate) admins_add: Option<Switch>,
    /// Time after which new messages disappear.
    #[arg(long, value_enum, value_name = "24h|7d|90d|off")]
    pub(crate) timer: Option<Timer>,
}

/// The value of a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// The timers that WhatsApp has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Timer {
    /// After 24 hours.
    #[value(name = "24h")]
    Day,
    /// After 7 days.
    #[value(name = "7d")]
    Week,
    /// After 90 days.
    #[value(name = "90d")]
    Quarter,
    /// Never.
    Off,
}

impl Timer {
    /// In seconds; 0 for never.
    pub(crate) const fn seconds(self) -> i64 {
        match self {
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Quarter => 7_776_000,
            Self::Off => 0,
        }
    }
}

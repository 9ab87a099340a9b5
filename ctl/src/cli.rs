//! The command line and its help. Each command has its own file.

mod access;
mod alerts;
mod allow;
mod chats;
mod console;
mod group;
mod history;
mod mcp;
mod media;
mod pair;
mod send;
mod watch;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use crate::context::Name;
use crate::duration;

pub(crate) use access::{ClientsCommand, ContextCommand, EnrollArgs, SecretArg};
pub(crate) use alerts::{AlertsArgs, AlertsCommand};
pub(crate) use allow::{AllowArgs, AllowCommand};
pub(crate) use chats::{ChatsArgs, ContactArgs, LookupArgs, PictureArgs, ReadArgs, TypingArgs};
pub(crate) use console::ConsoleArgs;
pub(crate) use group::{GroupCommand, GroupPeopleArgs, GroupSetArgs, Switch};
pub(crate) use history::HistoryArgs;
pub(crate) use mcp::McpArgs;
pub(crate) use media::{MediaCommand, MediaGetArgs};
pub(crate) use pair::PairArgs;
pub(crate) use send::{
    DeleteArgs, DeliveryArgs, EditArgs, FileArgs, PollArgs, ReactArgs, SendArgs, TargetArgs,
    VoteArgs,
};
pub(crate) use watch::{ConsumersArgs, ConsumersCommand, EventsArgs, FilterArgs, WatchArgs};

/// Control an OpenClaw agent: link it to a phone, show its status, send messages, watch events.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 agent unreachable, 4 refused because of its state,
/// 5 sent, but not delivered or read within the timeout, 64 invalid configuration.
#[derive(Debug, Parser)]
#[command(name = "openclawctl", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Address of the agent: unix:PATH, an absolute path, or HOST:PORT.
    ///
    /// HOST:PORT selects the context with that endpoint (see `enroll`); without one, an agent on this
    /// machine, in plain text. Without --agent, the first of these that is set is used: --context,
    /// OPENCLAW_AGENT, OPENCLAW_CONTEXT, OPENCLAW_SOCKET (a path), the current context; then the first
    /// that exists of $XDG_RUNTIME_DIR/openclaw/agent.sock and /run/openclaw/agent.sock.
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) agent: Option<String>,
    /// Context to use: one of the agents that this user is enrolled with (see `context list`).
    ///
    /// For `enroll`: name of the new context [default: the agent's host name].
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<Name>,
    /// Ask the agents of all contexts at once: for `status`, `alerts`, `doctor` and `version`.
    ///
    /// Prints a table with a row for each, in the order of `context list`; an agent that cannot be reached is a row
    /// with the reason. The exit code is the highest of theirs.
    #[arg(long, global = true)]
    pub(crate) all: bool,
    /// Print JSON, one object per line: results to stdout, errors to stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Mask phone numbers, in JSON too: +1 555 XXX XXXX.
    #[arg(long, global = true)]
    pub(crate) mask: bool,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Link the agent to a phone.
    ///
    /// On a terminal the code is redrawn in place; in a pipe each code is printed once. On the
    /// phone: WhatsApp → Settings → Linked devices → Link a device.
    Pair(PairArgs),
    /// Show the agent on a page in a browser on this computer: link, chats, events, outbox, allowlist, alerts, charts.
    ///
    /// The page is served on 127.0.0.1 until Ctrl-C, and may do what this client may do. Its address works once, in one browser.
    /// It is opened in the default browser if stdout is a terminal and there is a display, else printed; over SSH, forward
    /// the port.
    Console(ConsoleArgs),
    /// Show the state of the agent.
    Status(StatusArgs),
    /// Reconnect now with the stored credentials, without the phone.
    ///
    /// For an agent that was replaced, banned or outdated, or that waits for its next reconnect attempt.
    /// Tries once: if WhatsApp refuses again, the agent does not retry. Exit codes: 0 connected,
    /// 4 refused by WhatsApp or the agent, 1 not connected yet.
    Resume(ResumeArgs),
    /// Send one message: a text, a file, a location or contact cards.
    Send(Box<SendArgs>),
    /// React to a message with an emoji.
    React(ReactArgs),
    /// Edit a text that this account has sent, up to 20 minutes ago.
    Edit(EditArgs),
    /// Delete a message for everyone: one of this account, or in a group anyone's, as an admin.
    Delete(DeleteArgs),
    /// Send a poll.
    Poll(PollArgs),
    /// Vote in a poll.
    Vote(VoteArgs),
    /// Count the votes in a poll, from the events that the agent keeps.
    PollResults(TargetArgs),
    /// Mark messages as read, for their senders and on the phone; if one cannot be marked, none is.
    Read(ReadArgs),
    /// Show in a chat that the account types, until Ctrl-C.
    ///
    /// The account is online while this runs, and so the phone shows no notifications.
    Typing(TypingArgs),
    /// Look up which numbers are on WhatsApp; sends nothing to them.
    ///
    /// The agent caches answers, and looks up at most 100 numbers an hour: WhatsApp restricts accounts that look up many.
    Lookup(LookupArgs),
    /// Show what is known of a person: names, "about" text, picture; sends nothing to them.
    ///
    /// The agent asks WhatsApp about a person at most once a day, except with --refresh. Questions count for the limit of
    /// `lookup`: 100 an hour.
    Contact(ContactArgs),
    /// List chats by their newest event, newest first: its number, age and kind, the chat and its name.
    ///
    /// These are the chats of the newest 10,000 events that the agent keeps.
    Chats(ChatsArgs),
    /// List or cancel queued messages (`send --queue`).
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Watch events: messages, edits, reactions, receipts, the state of the link.
    ///
    /// Continues where this user's last watch of this agent ended, reconnects automatically, and never
    /// prints an event twice or skips one; events that are no longer kept are reported as a gap. The
    /// first watch starts with new events; with --once it starts at the oldest event that is kept.
    Watch(WatchArgs),
    /// List events that the agent keeps, newest first.
    Events(EventsArgs),
    /// Fetch older messages of a chat from the account's phone, newest first.
    ///
    /// The phone must be on. Its answer is not verified, and not kept.
    History(HistoryArgs),
    /// Download files of messages.
    #[command(subcommand)]
    Media(MediaCommand),
    /// Serve the agent to an assistant, over the Model Context Protocol on stdin and stdout.
    ///
    /// An MCP client starts this (Claude Desktop, Claude Code, ...). The assistant can read chats, messages, files, contacts
    /// and groups; without --allow-send it cannot change anything. Runs until stdin ends.
    Mcp(McpArgs),
    /// List, create, change, join and leave groups.
    ///
    /// Groups are named by their JID, as `group list` prints it. `add`, `remove`, `promote`, `demote` and `requests` exit with
    /// 4 if WhatsApp refused the change for one of the people.
    #[command(subcommand)]
    Group(GroupCommand),
    /// List or remove consumers: named read positions that the agent stores.
    Consumers(ConsumersArgs),
    /// Show or change the allowlist.
    Allow(AllowArgs),
    /// Enroll with a remote agent, using a single-use code.
    ///
    /// The code is in the log of an agent that has no clients yet, or comes from an admin (`clients
    /// invite`). It authenticates the client and the agent to each other. Afterwards each side pins the
    /// other's key, and the connection is TLS.
    Enroll(EnrollArgs),
    /// List, invite and revoke the clients that may call the agent over the network.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Test alert delivery, or list pending and recent alerts.
    Alerts(AlertsArgs),
    /// Manage contexts: the agents that this user is enrolled with.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Diagnose why messages do or do not arrive, in general or from one sender.
    ///
    /// Exits with 4 if something keeps them from arriving.
    Doctor(DoctorArgs),
    /// Unlink the agent and wipe its credentials.
    Unpair(UnpairArgs),
    /// Back up the agent's store, encrypted with a separate passphrase or key.
    ///
    /// The agent keeps running. The backup is written to FILE.part, read back and verified, and only then
    /// renamed to FILE.
    Backup(BackupArgs),
    /// Restore a backup into an agent that has no account.
    ///
    /// The phone need not scan again. Sessions with contacts and own sender keys are not restored:
    /// their keys must never be used twice.
    Restore(RestoreArgs),
    /// Import another program's account into an agent that has none.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Resolve a rollback of the agent's store, so that the agent sends again.
    ///
    /// If the volume was replaced by an older copy, message keys in it may have been used since. Once a
    /// client reports that, the agent holds every send until an admin decides.
    #[command(subcommand)]
    Rollback(RollbackCommand),
    /// Check health; exits with 0 if serving.
    Health(HealthArgs),
    /// Print the versions of this program and of the agent.
    Version,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// No effect: numbers are shown in full unless --mask is set.
    #[arg(long, hide = true)]
    pub(crate) show_numbers: bool,
    /// Also show the store's key slots, how the process is hardened and the way to WhatsApp.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Accept the rolled-back state of the agent's store, on this client only. To release the sends that
    /// the agent holds, use `rollback`.
    #[arg(long)]
    pub(crate) accept_rollback: bool,
}

/// `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// How long to wait for the result, at most 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

/// `outbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List queued messages, oldest first.
    List,
    /// Cancel a queued message.
    Cancel {
        /// Its token, as `send` and `outbox list` print it.
        token: String,
    },
}

/// `rollback`.
#[derive(Debug, Subcommand)]
pub(crate) enum RollbackCommand {
    /// Continue with the store as it is; safe only if nothing was sent since the copy was made.
    Accept,
    /// Discard sessions with contacts and own sender keys, as a restore does, so that no key is used
    /// twice. They are created again as needed, and the phone need not scan again.
    Renew,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Sender to diagnose: a number such as +15550100123, or a LID (…@lid) [default: only the agent].
    pub(crate) number: Option<String>,
    /// Show what stands in the way of linking a phone: DNS, TCP, proxy, TLS, clock, version, credentials, restriction, the device's name,
    /// passkey. Needs no linked agent.
    #[arg(long, conflicts_with = "number")]
    pub(crate) link: bool,
}

/// `unpair`.
#[derive(Debug, Args)]
pub(crate) struct UnpairArgs {
    /// Skip the confirmation.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `backup`, and `backup verify`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    /// What to do instead of creating a backup.
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    /// Output file; `-` is stdout.
    #[arg(required = true)]
    pub(crate) file: Option<PathBuf>,
    /// Secret to encrypt the backup with.
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What can be done with a backup.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Verify that a backup is complete and can be decrypted; does not contact an agent.
    Verify(VerifyArgs),
}

/// `backup verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The backup; `-` is stdin.
    pub(crate) file: PathBuf,
    /// Secret of the backup.
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
}

/// `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    pub(crate) file: PathBuf,
    /// Secret of the backup.
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// No effect: numbers are shown in full unless --mask is set.
    #[arg(long, hide = true)]
    pub(crate) show_numbers: bool,
}

/// `import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Import the account of a Baileys auth directory, without a new QR code; stop its gateway first.
    ///
    /// The agent must have no account yet. The directory is on this machine and is only read; it is sent
    /// to the agent encrypted with a key that is generated for it. Never start the old gateway afterwards:
    /// two clients with the same keys lose messages and log each other out.
    Baileys(BaileysArgs),
}

/// `import baileys`.
#[derive(Debug, Args)]
pub(crate) struct BaileysArgs {
    /// The directory with creds.json, or OpenClaw's state directory.
    pub(crate) dir: PathBuf,
    /// Only read the directory and report its content; does not contact an agent.
    #[arg(long)]
    pub(crate) check: bool,
}

/// The source of a passphrase or a key. Without one, the terminal prompts for a passphrase.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Read the passphrase from this file, which has one line; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the key from this file, in the format of `openclaw-agent keys generate`; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// What to check: the link to WhatsApp, or the agent's process.
    #[arg(long, value_enum, default_value_t = Service::Whatsapp)]
    pub(crate) service: Service,
}

/// A service of the agent whose health can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// The link to WhatsApp.
    Whatsapp,
    /// The agent's process.
    Process,
}

/// The completion script for `shell`.
pub(crate) fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "openclawctl", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_shell_gets_a_script_with_every_command() {
        for shell in clap_complete::Shell::value_variants() {
            let script = completions(*shell);
            for command in Cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {command}");
            }
        }
    }
}

//! The command line: what can be said, with its help. What it does is in the file of each command.

mod access;
mod allow;
mod watch;
mod words;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use openclaw_proto::v1::SendState;

use crate::context::Name;
use crate::duration;

pub(crate) use access::{ClientsCommand, ContextCommand, EnrollArgs, Typed};
pub(crate) use allow::{AllowArgs, AllowCommand};
pub(crate) use watch::{ConsumersArgs, ConsumersCommand, EventsArgs, FilterArgs, WatchArgs};
use words::states;

/// Drive an OpenClaw agent: link it to a phone, ask how it is, send, and follow what happens.
///
/// Exit codes: 0 done, 1 failed, 2 usage, 3 agent unreachable, 4 refused because of its state,
/// 5 sent, but the wait for more ran out, 64 bad configuration.
#[derive(Debug, Parser)]
#[command(name = "openclawctl", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where the agent is: unix:PATH, an absolute path, or HOST:PORT.
    ///
    /// HOST:PORT is an agent that this user is enrolled with (see `enroll`), else one on this machine,
    /// in plain text. Without it --context counts, then OPENCLAW_AGENT, OPENCLAW_CONTEXT, the socket
    /// named by OPENCLAW_SOCKET, the current context; then the first that exists of
    /// $XDG_RUNTIME_DIR/openclaw/agent.sock and /run/openclaw/agent.sock.
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) agent: Option<String>,
    /// Which of the agents that this user is enrolled with: see `context list`.
    ///
    /// For `enroll`: what to call it [default: its host].
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<Name>,
    /// Write JSON, one object a line: answers to stdout, errors to stderr.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Mask phone numbers, in JSON too: +1 555 XXX XXXX.
    #[arg(long, global = true)]
    pub(crate) mask: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Link the agent to a phone.
    ///
    /// On a terminal the code is redrawn in place; into a pipe each code is printed once. On the
    /// phone: WhatsApp → Settings → Linked devices → Link a device.
    Pair(PairArgs),
    /// Show the state of the agent.
    Status(StatusArgs),
    /// Take the link back without the phone: connect now, with the credentials that the agent has.
    ///
    /// For an agent that was replaced, banned or outdated, or that waits for its next attempt. It tries
    /// once: what WhatsApp refuses again stays refused. Exit code 0 means that it is connected, 4 that
    /// WhatsApp or the agent refused, 1 that it is not connected yet.
    Resume(ResumeArgs),
    /// Send one text message.
    Send(SendArgs),
    /// See what waits to be sent (`send --queue`), and take it back.
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Follow what happens: messages, edits, reactions, receipts, the link.
    ///
    /// It continues where the last watch of this agent by this user ended, reconnects by itself, and
    /// never prints an event twice or skips one; events that are no longer kept are reported as a gap.
    /// The first time it begins with what happens from now on, or with --once at the oldest event.
    Watch(WatchArgs),
    /// List events that the agent keeps, newest first.
    Events(EventsArgs),
    /// List the programs whose place among the events the agent remembers, or remove one.
    Consumers(ConsumersArgs),
    /// Show whose messages are allowed, and change that.
    Allow(AllowArgs),
    /// Enroll with an agent elsewhere, by a single-use code.
    ///
    /// The code is in the agent's log when it knows no one yet, or comes from someone who is enrolled
    /// as admin (`clients invite`). It proves this client to the agent and the agent to this client;
    /// from then on each knows the other's key, and the connection is TLS.
    Enroll(EnrollArgs),
    /// Show who may call the agent over the network, and change that.
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// See whether alerts arrive, and what became of those there were.
    #[command(subcommand)]
    Alerts(AlertsCommand),
    /// List the agents that this user is enrolled with, and choose one.
    #[command(subcommand)]
    Context(ContextCommand),
    /// Explain why messages do or do not arrive: the agent's own, or someone's.
    ///
    /// The exit code is 4 when something keeps them from arriving.
    Doctor(DoctorArgs),
    /// Unlink the agent and wipe its credentials.
    Unpair(UnpairArgs),
    /// Back the agent's store up, sealed to a passphrase or a key of its own.
    ///
    /// The agent continues meanwhile. The file is read back and checked before it gets its name.
    Backup(BackupArgs),
    /// Bring a backup's account into an agent that has none.
    ///
    /// The phone need not scan again. Sessions with contacts and own sender keys are left behind:
    /// their keys must never be used twice.
    Restore(RestoreArgs),
    /// Bring another program's account into an agent that has none.
    #[command(subcommand)]
    Import(ImportCommand),
    /// Decide what follows when the agent's store was rolled back, so that it sends again.
    ///
    /// A volume that is an older copy of itself has message keys that were used since. The agent holds
    /// every send when a client reports that, until an admin decides.
    #[command(subcommand)]
    Rollback(RollbackCommand),
    /// Ask whether it serves; the exit code is the answer.
    Health(HealthArgs),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// `pair`.
#[derive(Debug, Args)]
pub(crate) struct PairArgs {
    /// How to show the QR code: unicode, ascii, raw, png FILE or svg FILE (also png=FILE) [default:
    /// unicode, or ascii where the locale is not UTF-8].
    ///
    /// raw prints the text inside the code. A file is rewritten for each new code and removed at
    /// the end: anyone who reads it can take the link.
    #[arg(long, value_names = ["FORMAT", "FILE"], num_args = 1..=2)]
    pub(crate) format: Vec<String>,
    /// The file for --format png and svg.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists; it is removed at the end.
    #[arg(long)]
    pub(crate) force: bool,
    /// Swap light and dark, for a light terminal without colour.
    #[arg(long)]
    pub(crate) invert: bool,
    /// Link by a code typed on the phone with this number, instead of a QR code.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["format", "output", "invert", "force"])]
    pub(crate) phone: Option<String>,
    /// Make a new link although there is one that works.
    ///
    /// The old one stays until the new one is complete: Ctrl-C, a mistyped number or a code that no one
    /// scans leave it as it was.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Give up after this long, for example 90s or 10m [default: 5m].
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
}

/// `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Numbers are shown whole anyway, unless --mask is given.
    #[arg(long, hide = true)]
    pub(crate) show_numbers: bool,
    /// Show more: what opens the store, and what protects the process.
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Call the state of the agent's store normal for this client, although it was rolled back. Sends that the
    /// agent holds are released by `rollback`.
    #[arg(long)]
    pub(crate) accept_rollback: bool,
}

/// `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// Wait this long for the outcome, at most 5m.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

/// `send`.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The recipient: a phone number such as +15550100123, a LID (…@lid), or a group's JID (…@g.us).
    pub(crate) to: String,
    /// The text. `-`, or none when stdin is not a terminal: read it from stdin.
    #[arg(allow_hyphen_values = true)]
    pub(crate) text: Option<String>,
    /// What to wait for: that the agent, WhatsApp's server or a device of the recipient has it, or that it is read. The exit code is 5 when WhatsApp's server has it and the time runs out first.
    #[arg(long, value_parser = states(), default_value = "server-ack")]
    pub(crate) wait: SendState,
    /// The name of this message: the same token is never sent twice [default: a new one].
    #[arg(long)]
    pub(crate) token: Option<String>,
    /// How long to wait.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
    /// If it cannot be sent now, let the agent keep it until it can: across restarts, and slowed
    /// down rather than refused. `watch` reports its outcome.
    #[arg(long)]
    pub(crate) queue: bool,
    /// For how long the agent keeps it, at most 7d [default: 1h].
    #[arg(long, alias = "deadline", value_name = "TIME", value_parser = duration::parse, requires = "queue")]
    pub(crate) keep_for: Option<Duration>,
}

/// `outbox`.
#[derive(Debug, Subcommand)]
pub(crate) enum OutboxCommand {
    /// List what waits to be sent, oldest first.
    List,
    /// Take a message back that waits.
    Cancel {
        /// Its token, as `send` and `outbox list` print it.
        token: String,
    },
}

/// `rollback`.
#[derive(Debug, Subcommand)]
pub(crate) enum RollbackCommand {
    /// Continue with the store as it is: right when nothing was sent since the copy was made.
    Accept,
    /// Leave sessions with contacts and own sender keys behind, as a restore does: no key is used
    /// twice. New ones are made as they are needed, and the phone need not scan again.
    Renew,
}

/// `alerts`.
#[derive(Debug, Subcommand)]
pub(crate) enum AlertsCommand {
    /// Have the agent deliver a test alert now, and say how that went.
    Test,
    /// List those that wait and the latest that are over, oldest first.
    List,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Whose messages to explain: a number such as +15550100123, or a LID (…@lid) [default: the agent alone].
    pub(crate) number: Option<String>,
}

/// `unpair`.
#[derive(Debug, Args)]
pub(crate) struct UnpairArgs {
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `backup`, and `backup verify`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct BackupArgs {
    /// Something else than to make one.
    #[command(subcommand)]
    pub(crate) command: Option<BackupCommand>,
    /// The file to write; `-` is stdout.
    #[arg(required = true)]
    pub(crate) file: Option<PathBuf>,
    /// What it is sealed to.
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Replace the file if it exists.
    #[arg(long)]
    pub(crate) force: bool,
}

/// What can be done with a backup.
#[derive(Debug, Subcommand)]
pub(crate) enum BackupCommand {
    /// Check that a backup is whole and can be opened. No agent is asked.
    Verify(VerifyArgs),
}

/// `backup verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The backup; `-` is stdin.
    pub(crate) file: PathBuf,
    /// What opens it.
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
}

/// `restore`.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// The backup.
    pub(crate) file: PathBuf,
    /// What opens it.
    #[command(flatten)]
    pub(crate) secret: SecretArgs,
    /// Numbers are shown whole anyway, unless --mask is given.
    #[arg(long, hide = true)]
    pub(crate) show_numbers: bool,
}

/// `import`.
#[derive(Debug, Subcommand)]
pub(crate) enum ImportCommand {
    /// Take an account over from a Baileys auth folder, without a new QR code; stop its gateway first.
    ///
    /// The agent has no account yet. The folder is on this machine and is only read; it goes to the agent
    /// encrypted under a key that is made for it. From then on the old gateway must never start again: two
    /// clients with the same keys lose messages and log each other out.
    Baileys(BaileysArgs),
}

/// `import baileys`.
#[derive(Debug, Args)]
pub(crate) struct BaileysArgs {
    /// The folder with creds.json, or OpenClaw's state folder.
    pub(crate) dir: PathBuf,
    /// Read the folder and report what it has; no agent is asked.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Where a passphrase or a key comes from. On a terminal it is asked for.
#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// Read the passphrase from this file, which has one line; `-` is stdin.
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Use the key in this file, as `openclaw-agent keys generate` writes it; `-` is stdin.
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

/// `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// What to ask about: the link to WhatsApp, or the agent's process.
    #[arg(long, value_enum, default_value_t = Service::Whatsapp)]
    pub(crate) service: Service,
}

/// What has a health.
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

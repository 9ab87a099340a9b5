//! The arguments of `pair`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::duration;

/// `pair`.
#[derive(Debug, Args)]
pub(crate) struct PairArgs {
    /// Format of the QR code: unicode, ascii, raw, png FILE or svg FILE (also png=FILE) [default:
    /// unicode, or ascii where the locale is not UTF-8].
    ///
    /// raw prints the text inside the code. A file is rewritten for each new code and removed at
    /// the end: anyone who can read it can link to the account.
    #[arg(long, value_names = ["FORMAT", "FILE"], num_args = 1..=2)]
    pub(crate) format: Vec<String>,
    /// The file for --format png and svg.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the file if it exists; it is removed at the end.
    #[arg(long)]
    pub(crate) force: bool,
    /// Invert light and dark, for a terminal with a light background and no colour.
    #[arg(long)]
    pub(crate) invert: bool,
    /// Link with a code to type on the phone with this number, instead of a QR code.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["format", "output", "invert", "force"])]
    pub(crate) phone: Option<String>,
    /// Show the code on a page in a browser on this computer, instead of on the terminal.
    ///
    /// The page is served on 127.0.0.1 while this runs, and can also link with a number and begin
    /// again. Its address works once, in one browser. It is opened in the default browser if stdout is a
    /// terminal and there is a display, else printed; over SSH, forward the port.
    #[arg(long, conflicts_with_all = ["format", "output", "invert", "force", "assertion"])]
    pub(crate) web: bool,
    /// Port of the page [default: a free one].
    #[arg(long, value_name = "PORT", requires = "web", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Print the address of the page; open no browser.
    #[arg(long, requires = "web")]
    pub(crate) no_open: bool,
    /// If WhatsApp asks for a passkey: read the answer from this file once it is there, or from stdin (-), instead of the
    /// terminal.
    #[arg(long, value_name = "FILE")]
    pub(crate) assertion: Option<PathBuf>,
    /// Experimental: if WhatsApp asks for a passkey, use it with this program, from the phone or a USB security key,
    /// instead of a browser [default program: openclaw-passkey].
    ///
    /// The program is built apart from openclawctl (docs/linking.md). A name without a slash is searched next to
    /// openclawctl, then in PATH. If the program fails, the steps for a browser follow.
    #[arg(long, value_name = "PROGRAM", num_args = 0..=1, require_equals = true,
        default_missing_value = "openclaw-passkey", conflicts_with_all = ["assertion", "web"])]
    pub(crate) experimental_passkey: Option<PathBuf>,
    /// If WhatsApp asks for a passkey: compare a code with the phone, instead of proving to the phone which code it scanned.
    #[arg(long)]
    pub(crate) compare_code: bool,
    /// Name of the agent on the phone, under Linked devices [default: the agent's setting, OpenClaw].
    #[arg(long, value_name = "NAME")]
    pub(crate) device_name: Option<String>,
    /// Create a new link even if the current one works.
    ///
    /// The old link is kept until the new one is complete: Ctrl-C, a mistyped number or a code that no
    /// one scans changes nothing.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Give up after this long, for example 90s or 10m [default: 5m].
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) timeout: Option<Duration>,
}

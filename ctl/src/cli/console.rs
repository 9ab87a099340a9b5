//! The arguments of the console.

use clap::Args;

/// `console`.
#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// Port of the page [default: a free one].
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) port: Option<u16>,
    /// Print the address of the page; open no browser.
    #[arg(long)]
    pub(crate) no_open: bool,
}

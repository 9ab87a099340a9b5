//! The code to enroll with: from the command line, the environment, stdin, or a person.

use std::io::{self, Read as _};

use openclaw_trust::Code;
use zeroize::Zeroizing;

use crate::cli::Typed;
use crate::client::GET_A_CODE;
use crate::failure::{Exit, Failure};
use crate::secret::Prompt;
use crate::stop::Stops;

/// The agent reads the same variable.
const VARIABLE: &str = "OPENCLAW_ENROLL_CODE";
/// More than any code.
const LONGEST: u64 = 1024;

/// The code that is named, else the one that a person types.
pub(super) async fn obtain(flag: Option<&Typed>, stops: &mut Stops) -> Result<Code, Failure> {
    let from_env = || std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
    match flag {
        Some(Typed(dash)) if dash == "-" => parse(&from_stdin()?, "stdin", Exit::Usage),
        Some(Typed(text)) => parse(text, "--code", Exit::Usage),
        None => match from_env().map(Zeroizing::new) {
            Some(text) => parse(&text, VARIABLE, Exit::Configuration),
            None => typed(stops).await,
        },
    }
}

async fn typed(stops: &mut Stops) -> Result<Code, Failure> {
    let prompt = Prompt::open().ok_or_else(|| {
        Failure::usage("nobody can be asked for the code: there is no terminal")
            .with_reason("NO_TERMINAL")
            .with_hint(format!(
                "give it with --code, `--code -` and stdin, or {VARIABLE}"
            ))
    })?;
    let text = prompt.ask("Code (not shown): ", stops).await?;
    parse(&text, "the terminal", Exit::Usage)
}

fn from_stdin() -> Result<Zeroizing<String>, Failure> {
    let room = usize::try_from(LONGEST).unwrap_or_default();
    let mut text = Zeroizing::new(String::with_capacity(room));
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_to_string(&mut text)
        .map_err(|error| Failure::usage(format!("read the code from stdin: {error}")))?;
    Ok(text)
}

/// What was given is not repeated: it may be the code but for a slip.
fn parse(text: &str, origin: &str, exit: Exit) -> Result<Code, Failure> {
    Code::parse(text).map_err(|bad| {
        let failure = Failure::new(format!("{origin}: {bad}"))
            .with_exit(exit)
            .with_reason("BAD_CODE");
        if text.trim().is_empty() {
            failure.with_hint(GET_A_CODE)
        } else {
            failure.with_hint("see whether all of it is there, and nothing is mistyped")
        }
    })
}

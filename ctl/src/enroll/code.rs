//! The enrolment code: from a file, stdin, the environment, or a prompt. It can also be an argument, for tests only:
//! other processes can read arguments.

use std::io::{self, Read};
use std::path::Path;

use openclaw_trust::Code;
use zeroize::Zeroizing;

use crate::cli::{EnrollArgs, SecretArg};
use crate::client::tls::GET_A_CODE;
use crate::failure::{Exit, Failure};
use crate::secret::{Input, Prompt, is_dash};
use crate::stop::Stops;
use crate::text;
use crate::variables::Variable;

/// Larger than any code.
const MAX_CODE_BYTES: u64 = 1024;

/// The code from the arguments or environment, else from a prompt.
pub(super) async fn obtain(args: &EnrollArgs, stops: &mut Stops) -> Result<Code, Failure> {
    match (&args.code, &args.code_file) {
        (Some(SecretArg(text)), _) if text != "-" => parse(text, "--code", Exit::Usage),
        (Some(_), _) => from_file(Path::new("-")),
        (None, Some(path)) => from_file(path),
        (None, None) => match Variable::EnrollCode.read()?.map(Zeroizing::new) {
            Some(text) => parse(&text, Variable::EnrollCode.name(), Exit::Configuration),
            None => typed(stops).await,
        },
    }
}

async fn typed(stops: &mut Stops) -> Result<Code, Failure> {
    let prompt = Prompt::open().ok_or_else(|| {
        Failure::usage("cannot ask for the code: there is no terminal")
            .with_reason("NO_TERMINAL")
            .with_hint(format!(
                "give it with --code-file FILE, `--code-file -` and stdin, or {}",
                Variable::EnrollCode.name()
            ))
    })?;
    let text = prompt.ask("Code (not shown): ", stops).await?;
    parse(&text, "the terminal", Exit::Usage)
}

fn from_file(path: &Path) -> Result<Code, Failure> {
    let origin = if is_dash(path) {
        "stdin".to_owned()
    } else {
        text::one_line(&path.to_string_lossy())
    };
    // Allocated at full size, so that growing leaves no unwiped copy.
    let room = usize::try_from(MAX_CODE_BYTES).unwrap_or_default();
    let mut given = Zeroizing::new(Vec::with_capacity(room));
    let read = if is_dash(path) {
        io::stdin()
            .lock()
            .take(MAX_CODE_BYTES)
            .read_to_end(&mut given)
    } else {
        Input::open(path).and_then(|file| file.take(MAX_CODE_BYTES).read_to_end(&mut given))
    };
    read.map_err(|error| Failure::usage(format!("cannot read the code from {origin}: {error}")))?;
    let code = openclaw_settings::value(&given)
        .map_err(|flaw| Failure::usage(format!("{origin} {flaw}")).with_reason("BAD_CODE"))?;
    parse(code.unwrap_or_default(), &origin, Exit::Usage)
}

/// The error does not repeat the text: it may be the code with a typo.
fn parse(text: &str, origin: &str, exit: Exit) -> Result<Code, Failure> {
    Code::parse(text.trim()).map_err(|bad| {
        let failure = Failure::new(format!("{origin}: {bad}"))
            .with_exit(exit)
            .with_reason("BAD_CODE");
        if text.trim().is_empty() {
            failure.with_hint(GET_A_CODE)
        } else {
            failure.with_hint("check that it is complete and typed correctly")
        }
    })
}

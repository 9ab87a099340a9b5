//! The person's part of the passkey ceremony, on stderr: what to do, the time left, and the answers.

use std::io::{self, IsTerminal as _, Write as _};

use openclaw_proto::v1::agent_client::AgentClient;
use prost_types::Timestamp;
use tonic::transport::Channel;

use super::authenticator::Authenticator;
use super::passkey::{self, Challenge, Given, Input};
use crate::cli::PairArgs;
use crate::console;
use crate::failure::Failure;

/// The reasons that end the pairing, whose frame follows.
const FINAL_REASONS: [&str; 3] = ["ASSERTION_REFUSED", "CONNECTION_LOST", "NO_PAIRING"];

/// The dialog; idle until a challenge arrives.
pub(crate) struct Dialog {
    agent: AgentClient<Channel>,
    authenticator: Option<Authenticator>,
    input: Input,
    compare_code: bool,
    json: bool,
    awaits: Awaits,
    /// True while the line with the time left is the last one on the terminal.
    counting: bool,
}

/// What the person has to give.
enum Awaits {
    Nothing,
    Assertion(Challenge),
    Code,
}

impl Dialog {
    pub(crate) fn new(
        agent: AgentClient<Channel>,
        args: &PairArgs,
        authenticator: Option<Authenticator>,
        json: bool,
    ) -> Self {
        Self {
            agent,
            authenticator,
            input: Input::new(args.assertion.as_deref(), json),
            compare_code: args.compare_code,
            json,
            awaits: Awaits::Nothing,
            counting: false,
        }
    }

    /// Begins to get the answer to a challenge: from the program if there is one, else from the person.
    pub(crate) fn challenged(&mut self, challenge: Challenge) -> Result<(), Failure> {
        let Some(authenticator) = &self.authenticator else {
            return self.explain(challenge);
        };
        console::note(&format!(
            "WhatsApp asks for this account's passkey before it links a device. {} uses it (experimental); Ctrl-C ends the pairing.",
            authenticator.name()
        ));
        match authenticator.start(challenge.options()) {
            Ok(running) => {
                self.awaits = Awaits::Assertion(challenge);
                self.input = Input::Program(Box::new(running));
                Ok(())
            }
            Err(failure) => {
                console::failure(&failure, self.json);
                self.explain(challenge)
            }
        }
    }

    /// Explains how a browser answers a challenge, and begins to read the answer.
    fn explain(&mut self, challenge: Challenge) -> Result<(), Failure> {
        if !self.json {
            console::note(passkey::WHY);
            let [open, paste] = passkey::BEFORE_SNIPPET;
            console::note(&format!("1. {open}"));
            console::note(&format!("2. {paste}"));
            console::line(&challenge.snippet())?;
            console::note(&format!("3. {}", passkey::AFTER_SNIPPET));
            console::note(&self.input.request());
        }
        self.awaits = Awaits::Assertion(challenge);
        self.input.await_assertion()
    }

    /// Begins to read the code that the phone shows.
    pub(crate) fn compares(&mut self) -> Result<(), Failure> {
        self.awaits = Awaits::Code;
        self.input.clear();
        self.input.await_code()
    }

    /// The ceremony is over.
    pub(crate) fn finished(&mut self) {
        self.end_count();
        self.awaits = Awaits::Nothing;
        self.input = Input::Elsewhere;
    }

    /// Shows the time left.
    pub(crate) fn refresh(&mut self, now: Timestamp) {
        let left = match &self.awaits {
            Awaits::Nothing => return,
            // The terminal is the program's.
            Awaits::Assertion(_) if self.input.is_program() => return,
            Awaits::Assertion(challenge) => passkey::time_left(challenge.expires_at, now),
            // The person's typing is shown.
            Awaits::Code => return,
        };
        let is_terminal = io::stderr().is_terminal() && console::is_screen();
        if let Some(left) = left.filter(|_| is_terminal && !self.json) {
            self.counting = true;
            let _ = write!(io::stderr().lock(), "\r\x1b[2KTime left: {left} ");
        }
    }

    /// Waits for the next answer of the person. Losing the future loses nothing.
    pub(crate) async fn next(&mut self) -> Given {
        match self.awaits {
            Awaits::Nothing => std::future::pending().await,
            Awaits::Assertion(_) | Awaits::Code => self.input.next().await,
        }
    }

    /// Passes an answer on. A wrong one is reported, and may be given again: only the agent ends the pairing.
    pub(crate) async fn take(&mut self, given: Given) -> Result<(), Failure> {
        let answer = match given {
            Given::Answer(answer) => answer,
            Given::Printed(printed) => return self.take_printed(printed).await,
        };
        let taken = match (&self.awaits, answer) {
            (Awaits::Nothing, _) => return Ok(()),
            (_, Err(failure)) => Err(failure),
            (Awaits::Assertion(challenge), Ok(text)) => match challenge.answer(&text) {
                None => return Ok(()),
                Some(answer) => {
                    self.input.clear();
                    self.answer(answer).await
                }
            },
            (Awaits::Code, Ok(text)) => {
                self.input.clear();
                let code = text.trim().to_owned();
                passkey::confirm(&mut self.agent, code).await
            }
        };
        match taken {
            Ok(()) => self.accepted(),
            Err(failure) => {
                self.end_count();
                console::failure(&failure, self.json);
            }
        }
        Ok(())
    }

    /// Passes on what the program has printed. If that is no answer, the person may answer with a browser.
    async fn take_printed(&mut self, printed: Result<String, Failure>) -> Result<(), Failure> {
        let Awaits::Assertion(challenge) = std::mem::replace(&mut self.awaits, Awaits::Nothing)
        else {
            return Ok(());
        };
        // The program's part is over: the terminal is the dialog's again.
        self.input = Input::new(None, self.json);
        let answer = printed.and_then(|text| challenge.printed_answer(&text));
        let Err(failure) = self.answer(answer).await else {
            self.accepted();
            return Ok(());
        };
        console::failure(&failure, self.json);
        if failure
            .reason()
            .is_some_and(|it| FINAL_REASONS.contains(&it))
        {
            return Ok(());
        }
        self.note("Continuing with a browser.");
        self.explain(challenge)
    }

    fn accepted(&mut self) {
        self.awaits = Awaits::Nothing;
        self.note("Accepted; waiting for the phone");
    }

    async fn answer(&mut self, answer: Result<String, Failure>) -> Result<(), Failure> {
        let answer = answer?;
        self.note("Answer received, sending it to WhatsApp");
        passkey::answer(&mut self.agent, answer, self.compare_code).await
    }

    fn note(&mut self, text: &str) {
        self.end_count();
        if !self.json {
            console::note(text);
        }
    }

    fn end_count(&mut self) {
        if std::mem::take(&mut self.counting) {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K");
        }
    }
}

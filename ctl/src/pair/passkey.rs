//! The passkey ceremony: what the person does, and the check of the answer before it is sent.
//!
//! A browser makes an assertion for WhatsApp's origin only on a page of that origin, and only after a click. So the
//! person pastes [`snippet`] into the console of such a page: it makes a button, and copies the answer.

mod input;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openclaw_proto::v1::agent_client::AgentClient;
use openclaw_proto::v1::{AnswerPasskeyRequest, ConfirmPasskeyRequest};
use prost_types::Timestamp;
use serde_json::Value;
use tonic::transport::Channel;

use crate::clock::seconds_between;
use crate::failure::Failure;
pub(crate) use input::{Given, Input};

/// The page whose origin the assertion is made for.
pub(crate) const SITE: &str = "https://web.whatsapp.com";

/// Why a passkey is needed.
pub(crate) const WHY: &str = "WhatsApp asks for this account's passkey before it links a device. Only a browser on WhatsApp's own site can use it.";

/// The steps before the snippet, and after it, without their numbers.
pub(crate) const BEFORE_SNIPPET: [&str; 2] = [
    "On a computer, open https://web.whatsapp.com in a browser. You need not log in there; the passkey may be on the computer or on a phone near it.",
    "Open the browser's developer tools (F12), and paste this line into the console (type `allow pasting` first if it asks):",
];
pub(crate) const AFTER_SNIPPET: &str = "Press the button that appears on the page, use the passkey, and press the button again: it copies the answer.";

/// A challenge: the request options of the server.
#[derive(Clone)]
pub(crate) struct Challenge {
    options: Value,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Challenge {
    /// Reads the options, which are the server's.
    pub(crate) fn read(options: &str, expires_at: Option<Timestamp>) -> Result<Self, Failure> {
        let options: Value = serde_json::from_str(options).unwrap_or_default();
        if options["challenge"].as_str().is_none_or(str::is_empty) {
            return Err(Failure::new("WhatsApp's passkey request has no challenge")
                .with_reason("BAD_PASSKEY_REQUEST")
                .with_hint("update openclaw-agent and openclawctl, then pair again"));
        }
        Ok(Self {
            options,
            expires_at,
        })
    }

    /// The options as JSON.
    pub(crate) fn options(&self) -> String {
        self.options.to_string()
    }

    /// One line of JavaScript for the console of [`SITE`]. Pure ASCII, whatever the server sent.
    pub(crate) fn snippet(&self) -> String {
        include_str!("passkey/snippet.js")
            .lines()
            .map(str::trim)
            .collect::<String>()
            .replace("$options", &ascii(&self.options()))
    }

    /// Extracts the assertion from what was pasted, and checks that it answers this challenge. `None` while it is
    /// incomplete.
    pub(crate) fn answer(&self, pasted: &str) -> Option<Result<String, Failure>> {
        // A console may print a copied text in quotes.
        let start = pasted.find('{');
        let Some(json) = start.map(|start| pasted[start..].trim_end_matches(is_quote)) else {
            let text = !pasted.trim().is_empty();
            return text.then(|| Err(not_an_answer("it is not JSON")));
        };
        let answer: Value = match serde_json::from_str(json) {
            Ok(answer) => answer,
            Err(error) if error.is_eof() => return None,
            Err(_) => return Some(Err(not_an_answer("it is not JSON"))),
        };
        Some(self.check(&answer).map(|()| answer.to_string()))
    }

    /// The same for the whole output of a program. What to do about a failure is different there.
    pub(crate) fn printed_answer(&self, printed: &str) -> Result<String, Failure> {
        let answer = self.answer(printed);
        let answer = answer.unwrap_or_else(|| Err(not_an_answer("it is incomplete")));
        answer.map_err(|failure| {
            let reason = failure.reason().unwrap_or_default().to_owned();
            Failure::new(format!("the program's output is not usable: {failure}"))
                .with_reason(reason)
        })
    }

    fn check(&self, answer: &Value) -> Result<(), Failure> {
        let data = answer["response"]["clientDataJSON"].as_str();
        let data = data.ok_or_else(|| not_an_answer("it has no response.clientDataJSON"))?;
        let data = URL_SAFE_NO_PAD.decode(data.trim_end_matches('='));
        let data: Value = data
            .ok()
            .and_then(|data| serde_json::from_slice(&data).ok())
            .ok_or_else(|| not_an_answer("its clientDataJSON cannot be read"))?;
        let unpadded = |value: &Value| value.as_str().map(|it| it.trim_end_matches('=').to_owned());
        if unpadded(&data["challenge"]) != unpadded(&self.options["challenge"]) {
            return Err(Failure::new("this answer belongs to another pairing")
                .with_reason("OTHER_CHALLENGE")
                .with_hint("paste the line above into the console again, and use the new answer"));
        }
        if data["origin"].as_str() != Some(SITE) {
            return Err(Failure::new("this answer was made on another site")
                .with_reason("OTHER_ORIGIN")
                .with_hint(format!("use the console of a page of {SITE}")));
        }
        Ok(())
    }
}

/// "9:58", until the ceremony ends.
pub(crate) fn time_left(expires_at: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let left = seconds_between(expires_at?, now).saturating_neg().max(0);
    Some(format!("{}:{:02}", left / 60, left % 60))
}

/// Sends an answer. Returns when WhatsApp has accepted it.
pub(crate) async fn answer(
    agent: &mut AgentClient<Channel>,
    assertion_json: String,
    compare_code: bool,
) -> Result<(), Failure> {
    let request = AnswerPasskeyRequest {
        assertion_json,
        compare_code,
    };
    agent.answer_passkey(request).await?;
    Ok(())
}

/// Confirms that the phone shows `code`.
pub(crate) async fn confirm(agent: &mut AgentClient<Channel>, code: String) -> Result<(), Failure> {
    agent
        .confirm_passkey(ConfirmPasskeyRequest { code })
        .await?;
    Ok(())
}

fn is_quote(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\'' | '"' | '`')
}

fn not_an_answer(why: &str) -> Failure {
    Failure::new(format!("this is not the answer: {why}"))
        .with_reason("NOT_AN_ASSERTION")
        .with_hint("paste what the button on the page has copied, whole")
}

/// JSON with every character outside of ASCII escaped, so that no control character reaches a terminal.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => text.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn challenge() -> Challenge {
        let options =
            json!({"challenge": "YWJj", "rpId": "whatsapp.com", "x": "é\u{9b}\u{202e}😀"});
        Challenge::read(
            &options.to_string(),
            Some(Timestamp {
                seconds: 700,
                nanos: 0,
            }),
        )
        .unwrap()
    }

    fn answer_to(challenge: &str, origin: &str) -> String {
        let data = json!({"type": "webauthn.get", "challenge": challenge, "origin": origin});
        let data = URL_SAFE_NO_PAD.encode(data.to_string());
        json!({"id": "aWQ", "rawId": "aWQ", "type": "public-key", "response": {"clientDataJSON": data}})
            .to_string()
    }

    #[test]
    fn the_snippet_is_one_line_of_ascii_with_the_options() {
        let snippet = challenge().snippet();
        assert!(
            snippet.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{snippet}"
        );
        assert!(snippet.contains(r#""challenge":"YWJj""#), "{snippet}");
        assert!(
            snippet.contains(r"\u00e9\u009b\u202e\ud83d\ude00"),
            "{snippet}"
        );
        assert!(
            !snippet.contains("//"),
            "a comment would end the line: {snippet}"
        );
    }

    #[test]
    fn an_answer_is_found_in_what_a_console_prints() {
        let answer = answer_to("YWJj", SITE);
        for pasted in [
            answer.clone(),
            format!("  {answer}\n"),
            format!("'{answer}'\n"),
            format!("\u{1b}[200~{answer}"),
            answer.replace(',', ",\n  "),
        ] {
            assert!(
                matches!(challenge().answer(&pasted), Some(Ok(_))),
                "{pasted}"
            );
        }
        assert!(
            challenge().answer(&answer[..20]).is_none(),
            "the rest follows"
        );
        assert!(challenge().answer("\n").is_none());
    }

    #[test]
    fn a_wrong_answer_is_refused_with_its_reason() {
        for (pasted, reason) in [
            ("hello".to_owned(), "NOT_AN_ASSERTION"),
            ("{]".to_owned(), "NOT_AN_ASSERTION"),
            ("{}".to_owned(), "NOT_AN_ASSERTION"),
            (answer_to("YWJk", SITE), "OTHER_CHALLENGE"),
            (answer_to("YWJj", "https://example.org"), "OTHER_ORIGIN"),
        ] {
            let refused = challenge().answer(&pasted).expect("complete");
            assert_eq!(refused.unwrap_err().reason(), Some(reason), "{pasted}");
        }
    }

    #[test]
    fn the_time_left_counts_down_to_zero() {
        let at = |seconds| Timestamp { seconds, nanos: 0 };
        let end = Some(at(700));
        assert_eq!(time_left(end, at(102)).as_deref(), Some("9:58"));
        assert_eq!(time_left(end, at(900)).as_deref(), Some("0:00"));
        assert_eq!(time_left(None, at(0)), None);
    }
}

//! `lookup`: which numbers are on WhatsApp.

use std::time::Duration;

use openclaw_proto::v1::{LookupRequest, LookupResult};

use crate::address::Address;
use crate::cli::LookupArgs;
use crate::failure::{Exit, Failure};
use crate::numbers::{Numbers, phone};
use crate::{client, console};

/// The agent waits 15 seconds for WhatsApp.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(20);

/// Prints a line for each number.
pub(crate) async fn run(address: &Address, args: &LookupArgs, json: bool) -> Result<Exit, Failure> {
    let numbers = args.numbers.iter().map(|given| phone("NUMBER", given));
    let numbers = numbers.collect::<Result<_, _>>()?;
    let mut contacts = client::contacts(address).await?;
    let call = contacts.lookup(LookupRequest { numbers });
    let answer = client::answer_within(address, LOOKUP_TIMEOUT, call).await?;
    for result in &answer.results {
        match json {
            true => console::json(result)?,
            false => console::line(&line(result, Numbers::chosen()))?,
        }
    }
    Ok(Exit::Done)
}

/// `+15550100002     on WhatsApp, 100000000000002@lid, business`.
fn line(result: &LookupResult, numbers: Numbers) -> String {
    let LookupResult {
        number,
        on_whatsapp,
        contact,
        business,
        checked_at: _,
    } = result;
    let asked = numbers.show(number);
    if !on_whatsapp {
        return format!("{asked:<16} not on WhatsApp");
    }
    let mut line = format!("{asked:<16} on WhatsApp");
    if let Some(contact) = contact {
        if !contact.phone.is_empty() && contact.phone != *number {
            line.push_str(&format!(" as {}", numbers.show(&contact.phone)));
        }
        if !contact.lid.is_empty() {
            line.push_str(&format!(", {}", numbers.show_jid(&contact.lid)));
        }
    }
    if *business {
        line.push_str(", business");
    }
    line
}

#[cfg(test)]
mod tests {
    use openclaw_proto::v1::Contact;

    use super::*;

    #[test]
    fn a_line_has_the_spelling_that_whatsapp_uses() {
        let absent = LookupResult {
            number: "+15550100099".to_owned(),
            ..Default::default()
        };
        assert_eq!(
            line(&absent, Numbers::Full),
            "+15550100099     not on WhatsApp"
        );
        let found = LookupResult {
            number: "+5511955501234".to_owned(),
            on_whatsapp: true,
            contact: Some(Contact {
                phone: "+551155501234".to_owned(),
                lid: "100000000000002@lid".to_owned(),
            }),
            business: true,
            ..Default::default()
        };
        assert_eq!(
            line(&found, Numbers::Full),
            "+5511955501234   on WhatsApp as +551155501234, 100000000000002@lid, business"
        );
    }
}

//! The person at the phone, while a companion is linked with a passkey: compares the code, and confirms or declines.

use std::collections::HashMap;

use crate::number::Number;
use crate::state::error::Error;
use crate::state::pairing::Pairing;
use crate::state::passkey::{Ceremony, Stage};
use crate::state::shared::Shared;
use crate::sync::lock;

/// The person types the code that the companion shows. A wrong code ends the ceremony.
pub(crate) fn confirm(shared: &Shared, account: &Number, typed: &str) -> Result<(), Error> {
    const RULE: &str = "a companion shows the code that the phone shows";
    let typed: String = typed.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut state = lock(&shared.state);
    let (link, ceremony) = latest(&mut state.pairings, account).ok_or(Error::NoCeremony)?;
    let code = ceremony.code.clone().ok_or(Error::NoCeremony)?;
    let same = code.eq_ignore_ascii_case(&typed);
    if same {
        ceremony.approved = true;
        ceremony.finish();
    } else {
        ceremony.fail(Error::PasskeyCode, 403);
    }
    drop(state);
    let detail = format!("{typed}, expected {code}");
    lock(&shared.verdicts).require(&format!("socket {link}"), RULE, same, &detail);
    shared.announce();
    if same {
        Ok(())
    } else {
        Err(Error::PasskeyCode)
    }
}

/// The person declines.
pub(crate) fn refuse(shared: &Shared, account: &Number) -> Result<(), Error> {
    let mut state = lock(&shared.state);
    let (_, ceremony) = latest(&mut state.pairings, account).ok_or(Error::NoCeremony)?;
    ceremony.fail(Error::PasskeyRefused, 403);
    drop(state);
    shared.announce();
    Ok(())
}

/// The stage of an account's latest ceremony, and the code that its phone shows.
pub(crate) fn seen(shared: &Shared, account: &Number) -> Option<(Stage, Option<String>)> {
    let mut state = lock(&shared.state);
    let of_account = |ceremony: &&mut Ceremony| ceremony.account == *account;
    let pairings = state.pairings.iter_mut();
    let ceremonies = pairings.filter_map(|(link, pairing)| {
        let ceremony = pairing.passkey.as_mut().filter(of_account)?;
        Some((*link, ceremony))
    });
    let (_, ceremony) = ceremonies.max_by_key(|(link, _)| *link)?;
    Some((ceremony.stage, ceremony.code.clone()))
}

/// The latest ceremony of an account that is in progress.
fn latest<'a>(
    pairings: &'a mut HashMap<u64, Pairing>,
    account: &Number,
) -> Option<(u64, &'a mut Ceremony)> {
    let in_progress = |it: &&mut Ceremony| it.account == *account && it.stage != Stage::Ended;
    let ceremonies = pairings.iter_mut().filter_map(|(link, pairing)| {
        let ceremony = pairing.passkey.as_mut().filter(in_progress)?;
        Some((*link, ceremony))
    });
    ceremonies.max_by_key(|(link, _)| *link)
}

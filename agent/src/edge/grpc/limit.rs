//! The recipients that the rules allow (`allowTo`), and those that a limited client may send to: checked before anything is
//! done in a chat.

use openclaw_types::Recipient;
use tonic::Status;

use super::listen::Caller;
use super::status;
use crate::link::Agent;

/// Refuses a recipient that the rules do not allow, or that is not in the caller's limit.
pub(super) async fn check(
    agent: &Agent,
    caller: Option<&Caller>,
    to: &Recipient,
) -> Result<(), Status> {
    if let Some(limit) = agent.allowlist().send_to()
        && !agent.allows(&limit, to).await
    {
        return Err(status::not_allowed_to());
    }
    if let Some(limit) = caller.and_then(|caller| caller.send_to.as_deref())
        && !agent.allows(limit, to).await
    {
        return Err(status::other_recipient());
    }
    Ok(())
}

/// Refuses people of whom one is not allowed.
pub(super) async fn check_all(
    agent: &Agent,
    caller: Option<&Caller>,
    people: &[Recipient],
) -> Result<(), Status> {
    if check_unlimited(agent, caller).is_ok() {
        return Ok(());
    }
    let numbers = people.iter().filter_map(|to| match to {
        Recipient::Phone(phone) => Some(phone.clone()),
        Recipient::Lid(_) | Recipient::Group(_) => None,
    });
    // At once, rather than with a query for each.
    agent.resolve(&numbers.collect::<Vec<_>>()).await;
    for to in people {
        check(agent, caller, to).await?;
    }
    Ok(())
}

/// Refuses every recipient if the rules or the caller have a limit.
pub(super) fn check_unlimited(agent: &Agent, caller: Option<&Caller>) -> Result<(), Status> {
    if agent.allowlist().send_to().is_some() {
        return Err(status::not_allowed_to());
    }
    match caller.and_then(|caller| caller.send_to.as_deref()) {
        Some(_) => Err(status::other_recipient()),
        None => Ok(()),
    }
}

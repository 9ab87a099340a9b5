//! Changes that a person makes to groups on the phone.

use wacore_binary::{Jid, JidExt};

use crate::number::Number;
use crate::rules::groups::change::{self, Denied};
use crate::rules::groups::joining::{self, Joined};
use crate::sim::phone::Phone;
use crate::state::error::Error;
use crate::state::group::Change;
use crate::sync::lock;

/// A group, as its members see it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GroupView {
    /// Its JID.
    pub jid: String,
    /// The subject.
    pub subject: String,
    /// The description.
    pub description: Option<String>,
    /// The members' numbers.
    pub members: Vec<String>,
    /// The admins' numbers.
    pub admins: Vec<String>,
    /// The numbers of people who have requested to join.
    pub requests: Vec<String>,
    /// Only admins can send messages.
    pub announcement: bool,
    /// Only admins can change the subject, the description and the timer.
    pub locked: bool,
    /// Seconds until messages disappear; 0 for never.
    pub expiration: u32,
    /// An admin has to approve those who join by the invite link.
    pub approval: bool,
    /// The addressing mode: `lid` or `pn`.
    pub addressing_mode: &'static str,
    /// The code at the end of the invite link.
    pub invite: String,
}

impl Phone {
    /// Changes a group, given by its JID, on behalf of this account.
    ///
    /// # Errors
    /// There is no such group; the account is not a member, or not an admin if the change needs one.
    pub fn change_group(&self, group: &str, change: &Change) -> Result<(), Error> {
        let id = user_of(group)?;
        change::apply(self.shared(), &id, self.number(), change)
            .map_err(|denied| denied.of_group(group))
    }

    /// Joins a group by the code of its invite link. True: joined; false: an admin has to approve the request.
    ///
    /// # Errors
    /// No group has this code, or the account is already a member.
    pub fn join_group(&self, code: &str) -> Result<bool, Error> {
        match joining::join(self.shared(), self.number(), code) {
            Ok(joined) => Ok(matches!(joined, Joined::Member(_))),
            Err(Denied(409)) => Err(Error::NotAllowed(code.to_owned())),
            Err(_) => Err(Error::NoGroup(code.to_owned())),
        }
    }

    /// Approves or rejects requests to join a group, given by its JID.
    ///
    /// # Errors
    /// There is no such group; the account is not an admin; a number is malformed.
    pub fn decide_on_requests(
        &self,
        group: &str,
        people: &[&str],
        approve: bool,
    ) -> Result<(), Error> {
        let people: Result<Vec<Number>, _> = people.iter().map(|number| number.parse()).collect();
        joining::decide(
            self.shared(),
            &user_of(group)?,
            self.number(),
            &people?,
            approve,
        )
        .map_err(|denied| denied.of_group(group))
    }

    /// The group with this JID.
    ///
    /// # Errors
    /// There is no such group.
    pub fn group(&self, group: &str) -> Result<GroupView, Error> {
        let id = user_of(group)?;
        let state = lock(&self.shared().state);
        let found = state.groups.get(&id);
        let found = found.ok_or_else(|| Error::NoGroup(group.to_owned()))?;
        let settings = &found.settings;
        let description = settings.description.as_ref();
        Ok(GroupView {
            jid: found.jid().to_string(),
            subject: found.subject.text.clone(),
            description: description.map(|(_, text)| text.clone()),
            members: found.members.iter().map(Number::to_string).collect(),
            admins: found.admins.iter().map(Number::to_string).collect(),
            requests: found.requests.keys().map(Number::to_string).collect(),
            announcement: settings.announcement,
            locked: settings.locked,
            expiration: settings.expiration,
            approval: settings.approval,
            addressing_mode: found.addressing_mode(),
            invite: found.invite.clone(),
        })
    }
}

pub(super) fn user_of(group: &str) -> Result<String, Error> {
    let jid: Option<Jid> = group.parse().ok();
    match jid.filter(JidExt::is_group) {
        Some(jid) => Ok(jid.user.to_string()),
        None => Err(Error::NoGroup(group.to_owned())),
    }
}

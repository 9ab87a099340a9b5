//! Groups, for the API: reads from the store or from WhatsApp, changes, and the reasons of refusals.

use std::future::Future;
use std::time::Duration;

use openclaw_state::outbox::Down;
use openclaw_types::{ChatId, Contact, Group, LinkState};
use openclaw_whatsapp::session::{
    GroupError, GroupSetting, JoinRequest, JoinedGroup, MemberAction, MemberResult, NewGroup,
    Session,
};

use super::{Agent, ChatError, Denied};

/// WhatsApp answers within seconds, or not at all. A new description takes two requests.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a group was not read or not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupDenied {
    /// No phone is linked.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The link is down: its state, and what to do about it.
    #[error("the agent is not connected to WhatsApp ({})", .0.state.name())]
    NotConnected(Down),
    /// WhatsApp has no such group.
    #[error("WhatsApp has no such group")]
    NoSuchGroup,
    /// The account is not in the group.
    #[error("the account is not in the group")]
    NotAMember,
    /// Only admins may do this.
    #[error("WhatsApp allows this to admins of the group only")]
    NotAnAdmin,
    /// No group has this invite link, or it was reset.
    #[error("no group has this invite link, or it was reset")]
    InvalidInvite,
    /// The account is in the group already.
    #[error("the account is in the group already")]
    AlreadyAMember,
    /// No one else can join.
    #[error("the group is full")]
    GroupFull,
    /// Too many requests.
    #[error("WhatsApp accepts no more requests for now")]
    RateLimited,
    /// Another device changed the description at the same time.
    #[error("another device changed the description at the same time")]
    Changed,
    /// The number of a member, given by LID, is not known.
    #[error("the number of a member, given by LID, is not known")]
    UnknownLid,
    /// A question was not answered.
    #[error("WhatsApp did not answer")]
    NoAnswer,
    /// A change was not answered: it may have been made.
    #[error("WhatsApp did not answer: whether the change was made is unknown")]
    OutcomeUnknown,
    /// WhatsApp refused for another reason, with this code.
    #[error("WhatsApp refused with code {0}")]
    Refused(u16),
}

/// A change that failed, and the changes that were made before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupFailure {
    /// The reason.
    pub why: GroupDenied,
    /// The settings that were changed.
    pub changed: Vec<&'static str>,
    /// The group that was created.
    pub created: Option<ChatId>,
}

impl From<GroupDenied> for GroupFailure {
    fn from(why: GroupDenied) -> Self {
        Self {
            why,
            changed: Vec::new(),
            created: None,
        }
    }
}

/// The kind of a call: it determines what WhatsApp's codes mean.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Change,
    Join,
}

impl Agent {
    /// The name of a group, if it is known.
    #[must_use]
    pub fn group_name(&self, jid: &str) -> Option<String> {
        self.store.group_name(jid)
    }

    /// The account's groups without their participants, by id; and whether the list is complete. It may be incomplete while
    /// the link is down.
    pub async fn groups(&self, fresh: bool) -> Result<(Vec<Group>, bool), GroupDenied> {
        let (known, complete) = self.store.known_groups();
        if complete && !fresh {
            return Ok((known, true));
        }
        let session = match self.group_session() {
            Ok(session) => session,
            Err(GroupDenied::NotConnected(..)) if !fresh => return Ok((known, false)),
            Err(denied) => return Err(denied),
        };
        let mut groups = answer(Access::Read, session.fetch_groups()).await?;
        groups.sort_by(|one, other| one.id.jid().cmp(other.id.jid()));
        for group in &mut groups {
            group.participants.clear();
        }
        Ok((groups, true))
    }

    /// A group with its participants.
    pub async fn group(&self, id: &ChatId, fresh: bool) -> Result<Group, GroupDenied> {
        match self.store.known_group(id) {
            Some(known) if !fresh => Ok(known),
            _ => {
                let session = self.group_session()?;
                let group = answer(Access::Read, session.fetch_group(id)).await;
                group.map_err(|denied| match denied {
                    // A read needs no admin.
                    GroupDenied::NotAnAdmin => GroupDenied::NotAMember,
                    denied => denied,
                })
            }
        }
    }

    /// Creates a group, then changes these settings of it.
    pub async fn create_group(
        &self,
        new: NewGroup,
        then: &[GroupSetting],
    ) -> Result<Group, GroupFailure> {
        let session = self.group_session()?;
        let created = answer(Access::Change, session.create_group(new)).await?;
        self.set_group(&created.id, then)
            .await
            .map_err(|failure| GroupFailure {
                created: Some(created.id.clone()),
                ..failure
            })?;
        let known = self.store.known_group(&created.id);
        Ok(known.unwrap_or(created))
    }

    /// Changes settings, one after the other, until one is refused.
    pub async fn set_group(
        &self,
        id: &ChatId,
        settings: &[GroupSetting],
    ) -> Result<(), GroupFailure> {
        let mut changed = Vec::new();
        for setting in settings {
            let set = match self.group_session() {
                Ok(session) => {
                    let set = answer(Access::Change, session.set_group(id, setting)).await;
                    explained(&session, id, set).await
                }
                Err(denied) => Err(denied),
            };
            set.map_err(|why| GroupFailure {
                why,
                changed: changed.clone(),
                created: None,
            })?;
            changed.push(setting.name());
        }
        Ok(())
    }

    /// Sets the picture, a JPEG; an empty one removes it.
    pub async fn set_group_picture(&self, id: &ChatId, jpeg: Vec<u8>) -> Result<(), GroupDenied> {
        let session = self.group_session()?;
        let set = answer(Access::Change, session.set_group_picture(id, jpeg)).await;
        explained(&session, id, set).await
    }

    /// Changes the membership of people, or decides on their requests.
    pub async fn change_members(
        &self,
        id: &ChatId,
        action: MemberAction,
        people: &[Contact],
    ) -> Result<Vec<MemberResult>, GroupDenied> {
        let session = self.group_session()?;
        let changed = session.change_members(id, action, people);
        let changed = answer(Access::Change, changed).await;
        explained(&session, id, changed).await
    }

    /// Leaves a group.
    pub async fn leave_group(&self, id: &ChatId) -> Result<(), GroupDenied> {
        let session = self.group_session()?;
        let left = answer(Access::Change, session.leave_group(id)).await;
        explained(&session, id, left).await
    }

    /// The invite link; with `renew`, a new one in its place.
    pub async fn invite_link(&self, id: &ChatId, renew: bool) -> Result<String, GroupDenied> {
        let session = self.group_session()?;
        let access = if renew { Access::Change } else { Access::Read };
        let link = answer(access, session.invite_link(id, renew)).await;
        explained(&session, id, link).await
    }

    /// Joins by the code of an invite link.
    pub async fn join_group(&self, code: &str) -> Result<JoinedGroup, GroupDenied> {
        let session = self.group_session()?;
        answer(Access::Join, session.join_group(code)).await
    }

    /// The people who have requested to join.
    pub async fn join_requests(&self, id: &ChatId) -> Result<Vec<JoinRequest>, GroupDenied> {
        let session = self.group_session()?;
        let requests = answer(Access::Read, session.join_requests(id)).await;
        explained(&session, id, requests).await
    }

    fn group_session(&self) -> Result<Session, GroupDenied> {
        self.session().map_err(|error| match error {
            ChatError::Denied(denied) => denied.into(),
            ChatError::NotConnected(down) => GroupDenied::NotConnected(down),
            ChatError::ConnectionLost | ChatError::Target(_) => just_lost(),
        })
    }
}

/// Waits for WhatsApp's answer.
async fn answer<T>(
    access: Access,
    call: impl Future<Output = Result<T, GroupError>>,
) -> Result<T, GroupDenied> {
    let answered = tokio::time::timeout(ANSWER_TIMEOUT, call).await;
    answered
        .unwrap_or(Err(GroupError::NoAnswer))
        .map_err(|error| denied(access, error))
}

/// The connection was lost after it was checked.
const fn just_lost() -> GroupDenied {
    GroupDenied::NotConnected(Down {
        state: LinkState::Connecting,
        hint: String::new(),
    })
}

fn denied(access: Access, error: GroupError) -> GroupDenied {
    let code = match error {
        GroupError::NotConnected => return just_lost(),
        GroupError::NoAnswer if access == Access::Read => return GroupDenied::NoAnswer,
        GroupError::NoAnswer => return GroupDenied::OutcomeUnknown,
        GroupError::Conflict => return GroupDenied::Changed,
        GroupError::UnknownLid => return GroupDenied::UnknownLid,
        GroupError::Refused(code) => code,
    };
    match (access, code) {
        (Access::Join, 401 | 403 | 404 | 406 | 410) => GroupDenied::InvalidInvite,
        (Access::Join, 409) => GroupDenied::AlreadyAMember,
        (_, 401 | 403) => GroupDenied::NotAnAdmin,
        (_, 404) => GroupDenied::NoSuchGroup,
        (_, 419) => GroupDenied::GroupFull,
        (_, 429) => GroupDenied::RateLimited,
        (_, code) => GroupDenied::Refused(code),
    }
}

/// WhatsApp has one code for "not an admin" and "not a member": fetches the group to see which one it is.
async fn explained<T>(
    session: &Session,
    id: &ChatId,
    result: Result<T, GroupDenied>,
) -> Result<T, GroupDenied> {
    match result {
        Err(GroupDenied::NotAnAdmin) => {
            let described = answer(Access::Read, session.fetch_group(id)).await;
            Err(match described {
                Err(GroupDenied::NotAnAdmin) => GroupDenied::NotAMember,
                Err(GroupDenied::NoSuchGroup) => GroupDenied::NoSuchGroup,
                _ => GroupDenied::NotAnAdmin,
            })
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_means_what_the_call_makes_of_it() {
        for (access, code, why) in [
            (Access::Join, 406, GroupDenied::InvalidInvite),
            (Access::Join, 409, GroupDenied::AlreadyAMember),
            (Access::Change, 403, GroupDenied::NotAnAdmin),
            (Access::Change, 404, GroupDenied::NoSuchGroup),
            (Access::Change, 409, GroupDenied::Refused(409)),
            (Access::Read, 429, GroupDenied::RateLimited),
            (Access::Join, 419, GroupDenied::GroupFull),
        ] {
            assert_eq!(denied(access, GroupError::Refused(code)), why);
        }
    }

    #[test]
    fn only_a_change_has_an_unknown_outcome() {
        let of = |access| denied(access, GroupError::NoAnswer);
        assert_eq!(of(Access::Read), GroupDenied::NoAnswer);
        assert_eq!(of(Access::Change), GroupDenied::OutcomeUnknown);
        assert_eq!(of(Access::Join), GroupDenied::OutcomeUnknown);
    }
}

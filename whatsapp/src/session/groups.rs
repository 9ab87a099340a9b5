//! Groups: asks WhatsApp about them and changes them. The answers are stored for later reads.

use std::time::{Duration, SystemTime};

use openclaw_state::clock;
use openclaw_state::people::People as _;
use openclaw_types::{ChatId, Contact, Group};
use whatsapp_rust::Jid;
use whatsapp_rust::features::{
    GroupCreateOptions, GroupDescription, GroupError as LibraryError, GroupParticipantOptions,
    GroupSubject, JoinGroupResult, MemberAddMode, MembershipApprovalMode,
    ParticipantChangeResponse, PreviousDescription,
};
use whatsapp_rust::request::IqError;

use super::{Session, names, translate};

/// Why WhatsApp did not answer a question about a group, or did not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupError {
    /// There is no connection: nothing was sent.
    #[error("the agent is not connected to WhatsApp")]
    NotConnected,
    /// The connection was lost, no answer arrived in time, or it could not be read: a change may have been made.
    #[error("WhatsApp did not answer")]
    NoAnswer,
    /// WhatsApp refused, with its code.
    #[error("WhatsApp refused with code {0}")]
    Refused(u16),
    /// Another device changed the description at the same time.
    #[error("another device changed the description at the same time")]
    Conflict,
    /// WhatsApp has never shown the number of this LID.
    #[error("the number of a LID is not known")]
    UnknownLid,
}

impl From<IqError> for GroupError {
    fn from(error: IqError) -> Self {
        match error {
            IqError::ServerError { code, .. } => Self::Refused(code),
            IqError::NotConnected | IqError::ClientState(_) => Self::NotConnected,
            _ => Self::NoAnswer,
        }
    }
}

impl From<LibraryError> for GroupError {
    fn from(error: LibraryError) -> Self {
        match error {
            LibraryError::Iq(error) => error.into(),
            LibraryError::DescriptionConflict => Self::Conflict,
            LibraryError::InvalidRequest(_) => Self::UnknownLid,
            _ => Self::NoAnswer,
        }
    }
}

/// A group to create.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Its name.
    pub name: String,
    /// Its description; empty for none.
    pub description: String,
    /// The members, without the account.
    pub members: Vec<Contact>,
    /// An admin has to approve those who join by the invite link.
    pub join_approval: bool,
    /// Only admins can add people.
    pub admins_add: bool,
    /// The timer of new messages in seconds, 0 for none.
    pub disappears_after: u32,
}

/// One change of a group's name or settings.
#[derive(Clone, PartialEq, Eq)]
pub enum GroupSetting {
    /// The name.
    Name(String),
    /// The description; empty removes it.
    Description(String),
    /// Only admins can send messages.
    Announce(bool),
    /// Only admins can change the name, the description, the picture and the timer.
    Locked(bool),
    /// An admin has to approve those who join by the invite link.
    JoinApproval(bool),
    /// Only admins can add people.
    AdminsAdd(bool),
    /// The timer of new messages in seconds, 0 for none.
    Timer(u32),
}

impl GroupSetting {
    /// The name of the setting in the API.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Name(_) => "name",
            Self::Description(_) => "description",
            Self::Announce(_) => "announce",
            Self::Locked(_) => "locked",
            Self::JoinApproval(_) => "join_approval",
            Self::AdminsAdd(_) => "member_add_mode",
            Self::Timer(_) => "disappears_after",
        }
    }
}

/// Shows no text.
impl std::fmt::Debug for GroupSetting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What to do with people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberAction {
    /// Add them.
    Add,
    /// Remove them.
    Remove,
    /// Make them admins.
    Promote,
    /// Make them members who are not admins.
    Demote,
    /// Approve their requests to join.
    Approve,
    /// Reject their requests to join.
    Reject,
}

/// The result for one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberResult {
    /// The person.
    pub contact: Contact,
    /// WhatsApp's code. `None` if it was done.
    pub code: Option<u16>,
}

/// The group that the account has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedGroup {
    /// The group.
    pub id: ChatId,
    /// An admin has to approve first.
    pub pending: bool,
}

/// A request to join a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// The person.
    pub contact: Contact,
    /// When they requested it, if known.
    pub at: Option<SystemTime>,
}

/// Asks for all groups once after the first login, so that events have the names of groups. Without an answer, the next
/// connection asks.
pub(super) async fn seed(session: &Session) {
    if !session.store.groups_listed() {
        let listed = session.fetch_groups().await.map(|groups| groups.len());
        match listed {
            Ok(groups) => tracing::info!(groups, "groups listed"),
            Err(error) => tracing::debug!(%error, "groups not listed"),
        }
    }
}

fn jid(id: &ChatId) -> Result<Jid, GroupError> {
    // The API accepts only group JIDs.
    id.jid().parse().map_err(|_| GroupError::Refused(404))
}

impl Session {
    /// All groups with their participants, as WhatsApp lists them.
    pub async fn fetch_groups(&self) -> Result<Vec<Group>, GroupError> {
        // One call at a time: each list is large.
        let _turn = self.groups.lock().await;
        let groups = self.client.groups().get_participating().await?;
        let now = clock::wall();
        let groups = groups.into_values();
        let groups: Vec<_> = groups.map(|it| translate::group(&it, now)).collect();
        self.store.keep_groups(&groups);
        // Durable, because the list is large and rarely fetched: a restart should not have to ask again.
        self.store.vault().flush().await;
        Ok(groups)
    }

    /// A group, as WhatsApp describes it.
    pub async fn fetch_group(&self, id: &ChatId) -> Result<Group, GroupError> {
        let described = self.client.groups().get_metadata(&jid(id)?).await;
        let described = described.inspect_err(|error| {
            let gone = |code: &u16| matches!(code, 401 | 403 | 404);
            if let LibraryError::Iq(IqError::ServerError { code, .. }) = error
                && gone(code)
            {
                self.store.forget_group(id);
            }
        })?;
        Ok(self.keep(translate::group(&described, clock::wall())))
    }

    fn keep(&self, mut group: Group) -> Group {
        self.store.keep_group(&group);
        if let Some(known) = self.store.known_group(&group.id) {
            group.admins_add = known.admins_add;
        }
        for participant in &mut group.participants {
            let contact = std::mem::take(&mut participant.contact);
            participant.contact = self.store.resolve_contact(contact);
        }
        group.owner = self.store.resolve_contact(group.owner);
        group
    }

    /// Creates a group.
    pub async fn create_group(&self, new: NewGroup) -> Result<Group, GroupError> {
        let members = new.members.into_iter().filter_map(|member| {
            let [lid, number] = names::jids(&self.store.resolve_contact(member));
            number.or(lid).map(GroupParticipantOptions::new)
        });
        let mut options = GroupCreateOptions::new(new.name).with_participants(members.collect());
        options.ephemeral_expiration = Some(new.disappears_after);
        options.member_add_mode = Some(add_mode(new.admins_add));
        options.membership_approval_mode = Some(approval_mode(new.join_approval));
        // The API checks its length.
        options.description = Some(new.description)
            .filter(|text| !text.is_empty())
            .and_then(|text| GroupDescription::new(text).ok());
        let created = self.client.groups().create_group(options).await?;
        let mut group = translate::group(&created.metadata, clock::wall());
        group.admins_add = Some(new.admins_add);
        let created = self.keep(group);
        // The reply also lists the members that WhatsApp refused to add, with an error that the library does not read.
        let fetched = self.fetch_group(&created.id).await;
        Ok(fetched.unwrap_or(created))
    }

    /// Changes one setting.
    pub async fn set_group(&self, id: &ChatId, setting: &GroupSetting) -> Result<(), GroupError> {
        let (groups, jid) = (self.client.groups(), jid(id)?);
        match setting {
            GroupSetting::Name(name) => {
                // The API checks its length.
                let subject = GroupSubject::new(name).map_err(|_| GroupError::Refused(406))?;
                groups.set_subject(jid, subject).await?;
            }
            GroupSetting::Description(text) => {
                let text = Some(text).filter(|text| !text.is_empty());
                let text = text.map(GroupDescription::new).transpose();
                let text = text.map_err(|_| GroupError::Refused(406))?;
                let before = PreviousDescription::Resolve;
                groups.set_description(jid, text, before).await?;
            }
            GroupSetting::Announce(on) => groups.set_announce(jid, *on).await?,
            GroupSetting::Locked(on) => groups.set_locked(jid, *on).await?,
            GroupSetting::JoinApproval(on) => {
                let mode = approval_mode(*on);
                groups.set_membership_approval(jid, mode).await?;
            }
            GroupSetting::AdminsAdd(on) => groups.set_member_add_mode(jid, add_mode(*on)).await?,
            GroupSetting::Timer(seconds) => groups.set_ephemeral(jid, *seconds).await?,
        }
        // WhatsApp also reports the change, but later.
        self.store.edit_group(id, |group| match setting {
            GroupSetting::Name(name) => group.name.clone_from(name),
            GroupSetting::Description(text) => group.description.clone_from(text),
            GroupSetting::Announce(on) => group.announce = *on,
            GroupSetting::Locked(on) => group.locked = *on,
            GroupSetting::JoinApproval(on) => group.join_approval = *on,
            GroupSetting::AdminsAdd(on) => group.admins_add = Some(*on),
            GroupSetting::Timer(seconds) => group.disappears_after = *seconds,
        });
        Ok(())
    }

    /// Sets the picture, a JPEG; an empty one removes it.
    pub async fn set_group_picture(&self, id: &ChatId, jpeg: Vec<u8>) -> Result<(), GroupError> {
        let (groups, jid) = (self.client.groups(), jid(id)?);
        if jpeg.is_empty() {
            groups.remove_profile_picture(jid).await?;
        } else {
            groups.set_profile_picture(jid, jpeg).await?;
        }
        Ok(())
    }

    /// Changes the membership of people, or decides on their requests.
    pub async fn change_members(
        &self,
        id: &ChatId,
        action: MemberAction,
        people: &[Contact],
    ) -> Result<Vec<MemberResult>, GroupError> {
        let (groups, jid) = (self.client.groups(), jid(id)?);
        let people = people.iter().filter_map(|one| {
            let [lid, number] = names::jids(&self.store.resolve_contact(one.clone()));
            match action {
                // WhatsApp's clients add people by their numbers.
                MemberAction::Add => number.or(lid),
                _ => lid.or(number),
            }
        });
        let people: Vec<Jid> = people.collect();
        let answers = match action {
            MemberAction::Add => groups.add_participants(jid, &people).await?,
            MemberAction::Remove => groups.remove_participants(jid, &people).await?,
            MemberAction::Promote => groups.promote_participants(jid, &people).await?,
            MemberAction::Demote => groups.demote_participants(jid, &people).await?,
            MemberAction::Approve => groups.approve_membership_requests(jid, &people).await?,
            MemberAction::Reject => groups.reject_membership_requests(jid, &people).await?,
        };
        // WhatsApp reports the changes later; until then, reads ask WhatsApp.
        self.store.forget_participants(id);
        Ok(answers.iter().map(|answer| self.result(answer)).collect())
    }

    fn result(&self, answer: &ParticipantChangeResponse) -> MemberResult {
        let contact = translate::contact(answer.phone_number.iter().chain([&answer.jid]));
        let code = answer.error.as_deref();
        MemberResult {
            contact: self.store.resolve_contact(contact),
            // A code that is not a number is still a refusal.
            code: code.map(|code| code.parse().unwrap_or_default()),
        }
    }

    /// Leaves a group.
    pub async fn leave_group(&self, id: &ChatId) -> Result<(), GroupError> {
        self.client.groups().leave(jid(id)?).await?;
        self.store.forget_group(id);
        Ok(())
    }

    /// The invite link; with `renew`, a new one in its place.
    pub async fn invite_link(&self, id: &ChatId, renew: bool) -> Result<String, GroupError> {
        let groups = self.client.groups();
        Ok(groups.get_invite_link(jid(id)?, renew).await?)
    }

    /// Joins by the code of an invite link.
    pub async fn join_group(&self, code: &str) -> Result<JoinedGroup, GroupError> {
        let joined = self.client.groups().join_with_invite_code(code).await?;
        let id = translate::chat(joined.group_jid());
        let pending = matches!(joined, JoinGroupResult::PendingApproval(_));
        if !pending {
            // For the group's name. Without an answer, the next read asks.
            let _ = self.fetch_group(&id).await;
        }
        Ok(JoinedGroup { id, pending })
    }

    /// The people who have requested to join.
    pub async fn join_requests(&self, id: &ChatId) -> Result<Vec<JoinRequest>, GroupError> {
        let groups = self.client.groups();
        let requests = groups.get_membership_requests(jid(id)?).await?;
        let requests = requests.into_iter().map(|request| JoinRequest {
            contact: self
                .store
                .resolve_contact(translate::contact([&request.jid])),
            at: request.request_time.and_then(|seconds| {
                let since = Duration::from_secs(seconds);
                SystemTime::UNIX_EPOCH.checked_add(since)
            }),
        });
        Ok(requests.collect())
    }
}

const fn add_mode(admins: bool) -> MemberAddMode {
    match admins {
        true => MemberAddMode::AdminAdd,
        false => MemberAddMode::AllMemberAdd,
    }
}

const fn approval_mode(on: bool) -> MembershipApprovalMode {
    match on {
        true => MembershipApprovalMode::On,
        false => MembershipApprovalMode::Off,
    }
}

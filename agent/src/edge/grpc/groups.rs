//! `openclaw.agent.v1.Groups`: convert, send, await, convert.

use openclaw_proto::v1 as pb;
use openclaw_types::{ChatId, Contact, Recipient};
use openclaw_whatsapp::session::MemberAction;
use tonic::{Extensions, Request, Response, Status};

use super::listen::Caller;
use super::{convert, limit, status};
use crate::link::Agent;

pub(super) struct Service {
    agent: Agent,
}

impl Service {
    pub(super) const fn new(agent: Agent) -> Self {
        Self { agent }
    }

    /// A client that may not write to a group or a person may not change that group or add that person.
    async fn check(&self, caller: &Extensions, to: &Recipient) -> Result<(), Status> {
        limit::check(&self.agent, caller.get::<Caller>(), to).await
    }

    async fn check_all(&self, caller: &Extensions, people: &[Contact]) -> Result<(), Status> {
        let people = people.iter().filter_map(Recipient::of_contact);
        let people: Vec<_> = people.collect();
        limit::check_all(&self.agent, caller.get::<Caller>(), &people).await
    }

    async fn check_group(&self, caller: &Extensions, group: &ChatId) -> Result<(), Status> {
        match Recipient::of_chat(group) {
            Some(to) => self.check(caller, &to).await,
            None => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl pb::groups_server::Groups for Service {
    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let request = request.into_inner();
        let groups = self.agent.groups(request.fresh).await;
        let groups = groups.map_err(|denied| status::group(&denied))?;
        Ok(Response::new(convert::groups(&request, groups)?))
    }

    async fn get_group(
        &self,
        request: Request<pb::GetGroupRequest>,
    ) -> Result<Response<pb::GetGroupResponse>, Status> {
        let pb::GetGroupRequest { group, fresh } = request.into_inner();
        let id = convert::group_id(&group)?;
        let group = self.agent.group(&id, fresh).await;
        let group = group.map_err(|denied| status::group(&denied))?;
        let group = Some(openclaw_proto::convert::group(group));
        Ok(Response::new(pb::GetGroupResponse { group }))
    }

    async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let (new, then) = convert::new_group(request)?;
        self.check_all(&caller, &new.members).await?;
        let members: Vec<Contact> = new.members.clone();
        let created = self.agent.create_group(new, &then).await;
        let created = created.map_err(|failure| status::group_failure(&failure))?;
        Ok(Response::new(convert::created(created, &members)))
    }

    async fn update_group(
        &self,
        request: Request<pb::UpdateGroupRequest>,
    ) -> Result<Response<pb::UpdateGroupResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let (id, settings) = convert::group_settings(request)?;
        self.check_group(&caller, &id).await?;
        let set = self.agent.set_group(&id, &settings).await;
        set.map_err(|failure| status::group_failure(&failure))?;
        Ok(Response::new(pb::UpdateGroupResponse {}))
    }

    async fn set_group_picture(
        &self,
        request: Request<pb::SetGroupPictureRequest>,
    ) -> Result<Response<pb::SetGroupPictureResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let (id, jpeg) = convert::group_picture(request)?;
        self.check_group(&caller, &id).await?;
        let set = self.agent.set_group_picture(&id, jpeg).await;
        set.map_err(|denied| status::group(&denied))?;
        Ok(Response::new(pb::SetGroupPictureResponse {}))
    }

    async fn change_participants(
        &self,
        request: Request<pb::ChangeParticipantsRequest>,
    ) -> Result<Response<pb::ChangeParticipantsResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let (id, action, people) = convert::participant_change(request)?;
        self.check_group(&caller, &id).await?;
        if action == MemberAction::Add {
            self.check_all(&caller, &people).await?;
        }
        let changed = self.agent.change_members(&id, action, &people).await;
        let changed = changed.map_err(|denied| status::group(&denied))?;
        let results = convert::results(changed, action);
        Ok(Response::new(pb::ChangeParticipantsResponse { results }))
    }

    async fn leave_group(
        &self,
        request: Request<pb::LeaveGroupRequest>,
    ) -> Result<Response<pb::LeaveGroupResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let id = convert::group_id(&request.group)?;
        self.check_group(&caller, &id).await?;
        let left = self.agent.leave_group(&id).await;
        left.map_err(|denied| status::group(&denied))?;
        Ok(Response::new(pb::LeaveGroupResponse {}))
    }

    async fn get_invite_link(
        &self,
        request: Request<pb::GetInviteLinkRequest>,
    ) -> Result<Response<pb::GetInviteLinkResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let pb::GetInviteLinkRequest { group, renew } = request;
        let id = convert::group_id(&group)?;
        self.check_group(&caller, &id).await?;
        let link = self.agent.invite_link(&id, renew).await;
        let link = link.map_err(|denied| status::group(&denied))?;
        Ok(Response::new(pb::GetInviteLinkResponse { link }))
    }

    async fn join_group(
        &self,
        request: Request<pb::JoinGroupRequest>,
    ) -> Result<Response<pb::JoinGroupResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let code = convert::invite_code(&request.invite)?;
        // The group behind the code is not known before joining, so a caller with a limit cannot join.
        limit::check_unlimited(&self.agent, caller.get::<Caller>())?;
        let joined = self.agent.join_group(&code).await;
        let joined = joined.map_err(|denied| status::group(&denied))?;
        Ok(Response::new(pb::JoinGroupResponse {
            group: joined.id.jid().to_owned(),
            pending: joined.pending,
        }))
    }

    async fn list_join_requests(
        &self,
        request: Request<pb::ListJoinRequestsRequest>,
    ) -> Result<Response<pb::ListJoinRequestsResponse>, Status> {
        let request = request.into_inner();
        let id = convert::group_id(&request.group)?;
        let requests = self.agent.join_requests(&id).await;
        let requests = requests.map_err(|denied| status::group(&denied))?;
        Ok(Response::new(convert::join_requests(&request, requests)?))
    }

    async fn decide_join_requests(
        &self,
        request: Request<pb::DecideJoinRequestsRequest>,
    ) -> Result<Response<pb::DecideJoinRequestsResponse>, Status> {
        let (_, caller, request) = request.into_parts();
        let (id, action, people) = convert::join_decision(request)?;
        self.check_group(&caller, &id).await?;
        if action == MemberAction::Approve {
            self.check_all(&caller, &people).await?;
        }
        let decided = self.agent.change_members(&id, action, &people).await;
        let decided = decided.map_err(|denied| status::group(&denied))?;
        let results = convert::results(decided, action);
        Ok(Response::new(pb::DecideJoinRequestsResponse { results }))
    }
}

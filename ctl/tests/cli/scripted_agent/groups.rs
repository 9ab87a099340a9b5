//! The scripted agent's groups.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::groups_server::Groups;
use tonic::{Request, Response, Status};

use super::Methods;
use crate::script::written;

#[tonic::async_trait]
impl Groups for Methods {
    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let asked = written("ListGroupsRequest", request.get_ref());
        self.0.note(format!("ListGroups {asked}"));
        let answer = self.0.script.lock().unwrap().list_groups.pop_front();
        self.0.answer("ListGroupsResponse", answer).await
    }

    async fn get_group(
        &self,
        request: Request<pb::GetGroupRequest>,
    ) -> Result<Response<pb::GetGroupResponse>, Status> {
        let asked = written("GetGroupRequest", request.get_ref());
        self.0.note(format!("GetGroup {asked}"));
        let answer = self.0.script.lock().unwrap().get_group.pop_front();
        self.0.answer("GetGroupResponse", answer).await
    }

    async fn create_group(
        &self,
        request: Request<pb::CreateGroupRequest>,
    ) -> Result<Response<pb::CreateGroupResponse>, Status> {
        let asked = written("CreateGroupRequest", request.get_ref());
        self.0.note(format!("CreateGroup {asked}"));
        let answer = self.0.script.lock().unwrap().create_group.pop_front();
        self.0.answer("CreateGroupResponse", answer).await
    }

    async fn update_group(
        &self,
        request: Request<pb::UpdateGroupRequest>,
    ) -> Result<Response<pb::UpdateGroupResponse>, Status> {
        let asked = written("UpdateGroupRequest", request.get_ref());
        self.0.note(format!("UpdateGroup {asked}"));
        let answer = self.0.script.lock().unwrap().update_group.pop_front();
        self.0.answer("UpdateGroupResponse", answer).await
    }

    async fn set_group_picture(
        &self,
        request: Request<pb::SetGroupPictureRequest>,
    ) -> Result<Response<pb::SetGroupPictureResponse>, Status> {
        let asked = written("SetGroupPictureRequest", request.get_ref());
        self.0.note(format!("SetGroupPicture {asked}"));
        let answer = self.0.script.lock().unwrap().set_group_picture.pop_front();
        self.0.answer("SetGroupPictureResponse", answer).await
    }

    async fn change_participants(
        &self,
        request: Request<pb::ChangeParticipantsRequest>,
    ) -> Result<Response<pb::ChangeParticipantsResponse>, Status> {
        let asked = written("ChangeParticipantsRequest", request.get_ref());
        self.0.note(format!("ChangeParticipants {asked}"));
        let answer = self
            .0
            .script
            .lock()
            .unwrap()
            .change_participants
            .pop_front();
        self.0.answer("ChangeParticipantsResponse", answer).await
    }

    async fn leave_group(
        &self,
        request: Request<pb::LeaveGroupRequest>,
    ) -> Result<Response<pb::LeaveGroupResponse>, Status> {
        let asked = written("LeaveGroupRequest", request.get_ref());
        self.0.note(format!("LeaveGroup {asked}"));
        let answer = self.0.script.lock().unwrap().leave_group.pop_front();
        self.0.answer("LeaveGroupResponse", answer).await
    }

    async fn get_invite_link(
        &self,
        request: Request<pb::GetInviteLinkRequest>,
    ) -> Result<Response<pb::GetInviteLinkResponse>, Status> {
        let asked = written("GetInviteLinkRequest", request.get_ref());
        self.0.note(format!("GetInviteLink {asked}"));
        let answer = self.0.script.lock().unwrap().get_invite_link.pop_front();
        self.0.answer("GetInviteLinkResponse", answer).await
    }

    async fn join_group(
        &self,
        request: Request<pb::JoinGroupRequest>,
    ) -> Result<Response<pb::JoinGroupResponse>, Status> {
        let asked = written("JoinGroupRequest", request.get_ref());
        self.0.note(format!("JoinGroup {asked}"));
        let answer = self.0.script.lock().unwrap().join_group.pop_front();
        self.0.answer("JoinGroupResponse", answer).await
    }

    async fn list_join_requests(
        &self,
        request: Request<pb::ListJoinRequestsRequest>,
    ) -> Result<Response<pb::ListJoinRequestsResponse>, Status> {
        let asked = written("ListJoinRequestsRequest", request.get_ref());
        self.0.note(format!("ListJoinRequests {asked}"));
        let answer = self.0.script.lock().unwrap().list_join_requests.pop_front();
        self.0.answer("ListJoinRequestsResponse", answer).await
    }

    async fn decide_join_requests(
        &self,
        request: Request<pb::DecideJoinRequestsRequest>,
    ) -> Result<Response<pb::DecideJoinRequestsResponse>, Status> {
        let asked = written("DecideJoinRequestsRequest", request.get_ref());
        self.0.note(format!("DecideJoinRequests {asked}"));
        let answer = self
            .0
            .script
            .lock()
            .unwrap()
            .decide_join_requests
            .pop_front();
        self.0.answer("DecideJoinRequestsResponse", answer).await
    }
}

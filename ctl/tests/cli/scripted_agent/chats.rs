//! The scripted agent's chats.

use openclaw_proto::v1::chats_server::Chats;
use openclaw_proto::v1::{
    FetchHistoryRequest, FetchHistoryResponse, GetPollResultsRequest, GetPollResultsResponse,
    ListChatsRequest, ListChatsResponse, MarkReadRequest, MarkReadResponse, SetTypingRequest,
    SetTypingResponse,
};
use tonic::{Request, Response, Status};

use super::{Answers, Methods};
use crate::script::written;

#[tonic::async_trait]
impl Chats for Methods {
    type SetTypingStream = Answers<SetTypingResponse>;

    async fn mark_read(
        &self,
        request: Request<MarkReadRequest>,
    ) -> Result<Response<MarkReadResponse>, Status> {
        let asked = written("MarkReadRequest", request.get_ref());
        self.0.note(format!("MarkRead {asked}"));
        let answer = self.0.script.lock().unwrap().mark_read.pop_front();
        self.0.answer("MarkReadResponse", answer).await
    }

    async fn set_typing(
        &self,
        request: Request<SetTypingRequest>,
    ) -> Result<Response<Self::SetTypingStream>, Status> {
        let asked = written("SetTypingRequest", request.get_ref());
        self.0.note(format!("SetTyping {asked}"));
        let steps = self.0.script.lock().unwrap().typing.pop_front();
        self.stream("SetTyping", "SetTypingResponse", steps)
    }
    async fn list_chats(
        &self,
        request: Request<ListChatsRequest>,
    ) -> Result<Response<ListChatsResponse>, Status> {
        let asked = written("ListChatsRequest", request.get_ref());
        self.0.note(format!("ListChats {asked}"));
        let answer = self.0.script.lock().unwrap().list_chats.pop_front();
        self.0.answer("ListChatsResponse", answer).await
    }

    async fn get_poll_results(
        &self,
        request: Request<GetPollResultsRequest>,
    ) -> Result<Response<GetPollResultsResponse>, Status> {
        let asked = written("GetPollResultsRequest", request.get_ref());
        self.0.note(format!("GetPollResults {asked}"));
        let answer = self.0.script.lock().unwrap().poll_results.pop_front();
        self.0.answer("GetPollResultsResponse", answer).await
    }

    async fn fetch_history(
        &self,
        request: Request<FetchHistoryRequest>,
    ) -> Result<Response<FetchHistoryResponse>, Status> {
        let asked = written("FetchHistoryRequest", request.get_ref());
        self.0.note(format!("FetchHistory {asked}"));
        let answer = self.0.script.lock().unwrap().fetch_history.pop_front();
        self.0.answer("FetchHistoryResponse", answer).await
    }
}

//! The scripted agent's contacts.

use openclaw_proto::v1::contacts_server::Contacts;
use openclaw_proto::v1::{
    GetContactRequest, GetContactResponse, GetPictureRequest, GetPictureResponse, LookupRequest,
    LookupResponse,
};
use tonic::{Request, Response, Status};

use super::{Answers, Methods};
use crate::script::written;

#[tonic::async_trait]
impl Contacts for Methods {
    type GetPictureStream = Answers<GetPictureResponse>;

    async fn lookup(
        &self,
        request: Request<LookupRequest>,
    ) -> Result<Response<LookupResponse>, Status> {
        let asked = written("LookupRequest", request.get_ref());
        self.0.note(format!("Lookup {asked}"));
        let answer = self.0.script.lock().unwrap().lookup.pop_front();
        self.0.answer("LookupResponse", answer).await
    }

    async fn get_contact(
        &self,
        request: Request<GetContactRequest>,
    ) -> Result<Response<GetContactResponse>, Status> {
        let asked = written("GetContactRequest", request.get_ref());
        self.0.note(format!("GetContact {asked}"));
        let answer = self.0.script.lock().unwrap().get_contact.pop_front();
        self.0.answer("GetContactResponse", answer).await
    }

    async fn get_picture(
        &self,
        request: Request<GetPictureRequest>,
    ) -> Result<Response<Self::GetPictureStream>, Status> {
        let asked = written("GetPictureRequest", request.get_ref());
        self.0.note(format!("GetPicture {asked}"));
        let steps = self.0.script.lock().unwrap().get_picture.pop_front();
        self.stream("GetPicture", "GetPictureResponse", steps)
    }
}

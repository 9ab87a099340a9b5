//! The scripted agent's files.

use openclaw_proto::v1::files_server::Files;
use openclaw_proto::v1::upload_request::Item;
use openclaw_proto::v1::{DownloadRequest, DownloadResponse, UploadRequest, UploadResponse};
use tonic::{Request, Response, Status, Streaming};

use super::{Answers, Methods};
use crate::script::written;

#[tonic::async_trait]
impl Files for Methods {
    type DownloadStream = Answers<DownloadResponse>;

    async fn download(
        &self,
        request: Request<DownloadRequest>,
    ) -> Result<Response<Self::DownloadStream>, Status> {
        let asked = written("DownloadRequest", request.get_ref());
        self.0.note(format!("Download {asked}"));
        let steps = self.0.script.lock().unwrap().download.pop_front();
        self.stream("Download", "DownloadResponse", steps)
    }

    async fn upload(
        &self,
        request: Request<Streaming<UploadRequest>>,
    ) -> Result<Response<UploadResponse>, Status> {
        let mut requests = request.into_inner();
        let (mut start, mut bytes) = (String::new(), 0);
        while let Some(request) = requests.message().await? {
            match request.item {
                Some(Item::Start(first)) => start = written("UploadStart", &first),
                Some(Item::Chunk(chunk)) => bytes += chunk.len(),
                None => {}
            }
        }
        self.0.note(format!("Upload {start} and {bytes} bytes"));
        let answer = self.0.script.lock().unwrap().upload.pop_front();
        self.0.answer("UploadResponse", answer).await
    }
}

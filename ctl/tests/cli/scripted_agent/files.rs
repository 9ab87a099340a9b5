//! The scripted agent's files.

use openclaw_proto::v1::files_server::Files;
use openclaw_proto::v1::{DownloadRequest, DownloadResponse};
use tonic::{Request, Response, Status};

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
}

//! The scripted agent's backups, restores and rollback decisions.

use openclaw_proto::v1::admin_server::Admin;
use openclaw_proto::v1::restore_request::Frame;
use openclaw_proto::v1::{
    BackupRequest, BackupResponse, ResolveRollbackRequest, ResolveRollbackResponse, RestoreRequest,
    RestoreResponse,
};
use serde_json::Value;
use tonic::{Request, Response, Status, Streaming};

use super::{Answers, Methods};
use crate::script::{secret, written};
use crate::sealed::{Recipe, records};

#[tonic::async_trait]
impl Admin for Methods {
    type BackupStream = Answers<BackupResponse>;

    async fn backup(
        &self,
        request: Request<BackupRequest>,
    ) -> Result<Response<Self::BackupStream>, Status> {
        let asked = written("BackupRequest", request.get_ref());
        self.0.note(format!("Backup {asked}"));
        let secret = secret(request.into_inner().secret);
        let steps = self.0.script.lock().unwrap().backup.pop_front();
        let steps = steps.map(|steps| {
            let whole = |step: Value| match step.get("sealed") {
                Some(recipe) => {
                    let recipe: Recipe = serde_json::from_value(recipe.clone()).expect("a recipe");
                    recipe.steps(&secret)
                }
                None => vec![step],
            };
            steps.into_iter().flat_map(whole).collect()
        });
        self.stream("Backup", "BackupResponse", steps)
    }

    async fn resolve_rollback(
        &self,
        request: Request<ResolveRollbackRequest>,
    ) -> Result<Response<ResolveRollbackResponse>, Status> {
        let asked = written("ResolveRollbackRequest", request.get_ref());
        self.0.note(format!("ResolveRollback {asked}"));
        let answer = self.0.script.lock().unwrap().rollback.pop_front();
        self.0.answer("ResolveRollbackResponse", answer).await
    }

    /// Reads the whole upload before it responds, unless it refuses.
    async fn restore(
        &self,
        request: Request<Streaming<RestoreRequest>>,
    ) -> Result<Response<RestoreResponse>, Status> {
        let mut pieces = request.into_inner();
        let first = pieces.message().await?.and_then(|piece| piece.frame);
        let Some(Frame::Start(start)) = first else {
            panic!("it begins with its start");
        };
        let asked = written("RestoreStart", &start);
        self.0.note(format!("Restore {asked}"));
        let answer = self.0.script.lock().unwrap().restore.pop_front();
        if answer
            .as_ref()
            .is_some_and(|one| one.get("error").is_none())
        {
            let mut bytes = Vec::new();
            while let Some(piece) = pieces.message().await? {
                match piece.frame {
                    Some(Frame::Chunk(chunk)) => bytes.extend(chunk),
                    _ => panic!("nothing but chunks"),
                }
            }
            let sent = match records(&bytes, &secret(start.secret)) {
                Ok(records) => format!("{records} records"),
                Err(error) => error,
            };
            self.0.note(format!("Restore was sent {sent}"));
        }
        self.0.answer("RestoreResponse", answer).await
    }
}

//! The files of messages, for webhooks that want them in the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_encoding::HEXLOWER;
use openclaw_proto::v1 as pb;
use openclaw_proto::v1::download_response::Item;
use openclaw_proto::v1::files_client::FilesClient;
use serde::Serialize;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::agent::Agent;
use crate::record::Record;

/// The files of one agent's messages.
#[derive(Clone)]
pub struct Files {
    agent: Agent,
    /// Larger ones are left where they are; 0: all are.
    max_bytes: u64,
}

/// A file that is not there.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// The reason, as the agent names it.
    pub why: String,
    /// Whether a later attempt may have it.
    pub may_come: bool,
}

/// The field `file` of a body.
#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Whole { base64: String, sha256: String },
    Missing { error: &'a str },
}

impl Files {
    /// The files of this agent, up to this size.
    #[must_use]
    pub const fn new(agent: Agent, max_bytes: u64) -> Self {
        Self { agent, max_bytes }
    }

    /// The JSON of a record's file; `None` if it has none that is wanted.
    ///
    /// # Errors
    /// The file is wanted, and cannot be had.
    pub async fn of(&self, record: &Record) -> Result<Option<Vec<u8>>, Missing> {
        match record.file {
            Some(size) if self.max_bytes > 0 && size <= self.max_bytes => {
                self.download(record.mark.seq).await
            }
            _ => Ok(None),
        }
    }

    async fn download(&self, seq: u64) -> Result<Option<Vec<u8>>, Missing> {
        let channel = self.agent.channel().await.map_err(|error| Missing {
            why: error.to_string(),
            may_come: true,
        })?;
        let request = pb::DownloadRequest {
            message: Some(pb::MessageRef {
                by: Some(pb::message_ref::By::Seq(seq)),
            }),
            quoted: false,
            max_bytes: self.max_bytes,
        };
        let mut files = FilesClient::new(channel);
        let answer = files.download(request).await;
        let mut items = match answer {
            Ok(answer) => answer.into_inner(),
            Err(status) => return missing(&status),
        };
        let mut bytes = Vec::new();
        loop {
            let item = match items.message().await {
                Ok(response) => response.map(|response| response.item),
                Err(status) => return missing(&status),
            };
            match item {
                Some(Some(Item::Chunk(chunk))) => bytes.extend(chunk),
                Some(Some(Item::Restart(_))) => bytes.clear(),
                Some(Some(Item::End(end))) => {
                    let field = Field::Whole {
                        base64: STANDARD.encode(&bytes),
                        sha256: HEXLOWER.encode(&end.sha256),
                    };
                    return Ok(Some(json(&field)));
                }
                Some(Some(Item::Start(_)) | None) => {}
                None => {
                    return Err(Missing {
                        why: "the agent ended the download".to_owned(),
                        may_come: true,
                    });
                }
            }
        }
    }
}

impl Missing {
    /// The JSON that stands for the file.
    #[must_use]
    pub fn json(&self) -> Vec<u8> {
        json(&Field::Missing { error: &self.why })
    }
}

fn json(field: &Field<'_>) -> Vec<u8> {
    serde_json::to_vec(field).expect("writing to memory does not fail")
}

/// A file that is larger than declared is left where it is, like one that says so.
fn missing(status: &Status) -> Result<Option<Vec<u8>>, Missing> {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    let why = reason.unwrap_or_else(|| format!("{:?}", status.code()));
    if why == "MEDIA_TOO_LARGE" {
        return Ok(None);
    }
    Err(Missing {
        why,
        may_come: matches!(
            status.code(),
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Unknown
        ),
    })
}

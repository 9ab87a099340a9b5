//! The server of the SDK: what it offers, and how many calls run at once.

use std::borrow::Cow;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ListResourceTemplatesResult, ListResourcesResult,
    ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ResourceContents, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use tokio::sync::Semaphore;

use super::call::{self, Settings};
use super::link::Link;
use super::media::fetch;
use super::place::Place;
use super::tool::Name;
use super::{error, handshake, read, resource};
use crate::address::Address;
use crate::failure::Failure;
use crate::media::whole::Wanted;

/// Calls that run at once; others wait.
const MAX_RUNNING: usize = 8;

pub(super) struct Server {
    link: Link,
    settings: Settings,
    running: Semaphore,
}

impl Server {
    pub(super) fn new(link: Link, settings: Settings) -> Self {
        Self {
            link,
            settings,
            running: Semaphore::new(MAX_RUNNING),
        }
    }

    /// Does `work` when it is its turn, until the client cancels it. What the agent has accepted by then happens.
    async fn in_turn<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl AsyncFnOnce(&Address) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let done = async {
            // Never closed.
            let _turn = self.running.acquire().await;
            let address: Cow<'_, Address> = self.link.address();
            work(&address).await
        };
        tokio::select! {
            done = done => done,
            () = context.ct.cancelled() => Err(Failure::new("the call was cancelled")),
        }
    }

    async fn read(
        &self,
        uri: String,
        context: &RequestContext<RoleServer>,
    ) -> Result<ResourceContents, Failure> {
        let place = Place::parse(&uri).ok_or_else(|| unknown(&uri))?;
        self.in_turn(context, async |address: &Address| match place {
            Place::Message(seq) => {
                let message = read::message(address, seq).await?;
                let text = call::json(&message)?.to_string();
                Ok(ResourceContents::text(text, uri).with_mime_type("application/json"))
            }
            Place::Media(seq) => {
                let wanted = Wanted {
                    seq,
                    quoted: false,
                    max_bytes: self.settings.max_media,
                };
                let fetched = fetch(address, wanted, context).await?;
                Ok(resource::contents(uri, &fetched))
            }
        })
        .await
    }

    fn tools(&self) -> Vec<Tool> {
        let offered = Name::ALL.into_iter();
        let offered = offered.filter(|name| self.settings.allow_send || !name.sends());
        offered.map(Name::tool).collect()
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        handshake::config(self.settings.allow_send)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = Name::parse(&request.name)
            .ok_or_else(|| ErrorData::invalid_params("there is no such tool", None))?;
        let given = request.arguments.unwrap_or_default();
        let called = self.in_turn(&context, async |address: &Address| {
            call::run(address, &self.settings, name, given, &context).await
        });
        let result = called
            .await
            .unwrap_or_else(|failure| error::result(&failure));
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let listed = self.in_turn(&context, resource::list).await;
        let resources = listed.map_err(|failure| error::data(&failure))?;
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(
            resource::templates(),
        ))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let read = self.read(request.uri, &context).await;
        let contents = read.map_err(|failure| error::data(&failure))?;
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}

fn unknown(uri: &str) -> Failure {
    let uri = crate::text::one_line(uri);
    Failure::usage(format!("there is no resource {uri}"))
        .with_reason("NO_SUCH_RESOURCE")
        .with_hint("give openclaw://message/SEQ or openclaw://message/SEQ/media")
}

//! `openclaw.agent.v1.Chats`: convert, send, await, convert.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;

use futures::{FutureExt as _, Stream, StreamExt as _};
use openclaw_proto::v1 as pb;
use tokio::sync::Mutex;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::listen::Caller;
use super::watch::OtherName;
use super::{chat_list, convert, history, limit, status};
use crate::link::Agent;

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The service.
pub(super) struct Service<S> {
    agent: Agent,
    stop: S,
    /// Held while a list is made: it reads up to 10,000 events.
    listing: Mutex<()>,
}

impl<S> Service<S> {
    /// Streams of `SetTyping` end when `stop` resolves.
    pub(super) const fn new(agent: Agent, stop: S) -> Self {
        Self {
            agent,
            stop,
            listing: Mutex::const_new(()),
        }
    }
}

#[tonic::async_trait]
impl<S> pb::chats_server::Chats for Service<S>
where
    S: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    type SetTypingStream = Streamed<pb::SetTypingResponse>;

    async fn mark_read(
        &self,
        request: Request<pb::MarkReadRequest>,
    ) -> Result<Response<pb::MarkReadResponse>, Status> {
        let (_, extensions, request) = request.into_parts();
        let messages = convert::mark_read_request(request)?;
        // Flushed first, so that a client can mark a message whose event it has just received.
        self.agent.journal().flush().await;
        let received = self.agent.received(&messages);
        let received = received.map_err(|error| status::chat(&error))?;
        let caller = extensions.get::<Caller>();
        let chats: HashSet<_> = received.iter().map(|one| &one.chat).collect();
        for chat in chats {
            limit::check(&self.agent, caller, chat).await?;
        }
        let marked = self.agent.mark_read(&received).await;
        marked.map_err(|error| status::chat(&error))?;
        Ok(Response::new(pb::MarkReadResponse {}))
    }

    async fn set_typing(
        &self,
        request: Request<pb::SetTypingRequest>,
    ) -> Result<Response<Self::SetTypingStream>, Status> {
        let (_, extensions, request) = request.into_parts();
        let (to, what) = convert::set_typing_request(request)?;
        let caller = extensions.get::<Caller>();
        limit::check(&self.agent, caller, &to).await?;
        let notes = self.agent.set_typing(&to, what);
        let notes = notes.map_err(|error| status::chat(&error))?;
        let notes = ReceiverStream::new(notes);
        let items = notes.map(|shown| Ok(pb::SetTypingResponse { shown }));
        let stop = self.stop.clone().fuse();
        Ok(Response::new(items.take_until(stop).boxed()))
    }

    async fn list_chats(
        &self,
        request: Request<pb::ListChatsRequest>,
    ) -> Result<Response<pb::ListChatsResponse>, Status> {
        let request = convert::list_chats_request(request.into_inner())?;
        let journal = self.agent.journal();
        journal.flush().await;
        let agent = self.agent.clone();
        let other_name: OtherName = Box::new(move |jid: &str| agent.other_name(jid));
        let _turn = self.listing.lock().await;
        let listed = chat_list::list(self.agent.pages(), journal.range(), request, &other_name);
        let (chats, mut answer) = listed.await;
        answer.chats.extend(chats.into_iter().map(|listed| {
            let name = self.agent.chat_title(&listed.id, listed.with.as_ref());
            convert::chat(listed, name.unwrap_or_default())
        }));
        Ok(Response::new(answer))
    }

    async fn get_poll_results(
        &self,
        request: Request<pb::GetPollResultsRequest>,
    ) -> Result<Response<pb::GetPollResultsResponse>, Status> {
        let poll = convert::poll_results_request(request.into_inner())?;
        // What a client has just seen, it may count.
        self.agent.journal().flush().await;
        let results = self.agent.poll_results(&poll).await;
        let results = results.map_err(status::target)?;
        Ok(Response::new(convert::poll_results(results)))
    }

    async fn fetch_history(
        &self,
        request: Request<pb::FetchHistoryRequest>,
    ) -> Result<Response<pb::FetchHistoryResponse>, Status> {
        let (from, count) = convert::fetch_history_request(request.into_inner())?;
        // What a client has just seen, it may name.
        self.agent.journal().flush().await;
        let older = self.agent.fetch_history(&from, count).await;
        let older = older.map_err(|error| status::history(&error))?;
        Ok(Response::new(history::older_messages(older, &self.agent)))
    }
}

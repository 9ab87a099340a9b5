//! `openclaw.agent.v1.Agent`: convert, send, await, convert.

use std::future::Future;
use std::pin::Pin;

use futures::{FutureExt as _, Stream, StreamExt as _};
use openclaw_proto::v1 as pb;
use openclaw_state::clock;
use openclaw_trust::Role;
use openclaw_types::{Hardening, Phone, Recipient, Seq};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

use super::listen::Caller;
use super::watch::{OtherName, Watch};
use super::{Network, convert, limit, list, roles, status};
use crate::link::{Agent, Followed, Storage};

type Streamed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

pub(super) struct Service<S> {
    agent: Agent,
    hardening: Hardening,
    network: Network,
    stop: S,
}

impl<S> Service<S> {
    /// Streams that would never end by themselves end with `stop`.
    pub(super) const fn new(agent: Agent, hardening: Hardening, network: Network, stop: S) -> Self {
        Self {
            agent,
            hardening,
            network,
            stop,
        }
    }

    fn identity(&self) -> pb::AgentIdentity {
        let store = self.agent.storage().as_ref().map(Storage::id);
        convert::identity(&self.network.name, store)
    }

    fn other_name(&self) -> OtherName {
        let agent = self.agent.clone();
        Box::new(move |jid: &str| agent.other_name(jid))
    }

    /// Follows these chats under the names that WhatsApp knows them by.
    async fn follow(&self, chats: &[Recipient]) -> Option<Followed> {
        let phones = chats.iter().filter_map(|chat| match chat {
            Recipient::Phone(phone) => Some(phone.clone()),
            Recipient::Lid(_) | Recipient::Group(_) => None,
        });
        let phones: Vec<Phone> = phones.collect();
        self.agent.resolve(&phones).await;
        (!chats.is_empty()).then(|| self.agent.follow(chats))
    }
}

#[tonic::async_trait]
impl<S> pb::agent_server::Agent for Service<S>
where
    S: Future<Output = ()> + Clone + Send + Sync + 'static,
{
    type PairStream = Streamed<pb::PairFrame>;
    type WatchEventsStream = Streamed<pb::WatchEventsResponse>;

    async fn pair(
        &self,
        request: Request<pb::PairRequest>,
    ) -> Result<Response<Self::PairStream>, Status> {
        let request = convert::pair_request(request.into_inner())?;
        let frames = self
            .agent
            .pair(request)
            .await
            .map_err(|denied| status::denied(&denied))?;
        let frames = ReceiverStream::new(frames).map(|frame| Ok(convert::frame(frame)));
        Ok(Response::new(frames.boxed()))
    }

    async fn answer_passkey(
        &self,
        request: Request<pb::AnswerPasskeyRequest>,
    ) -> Result<Response<pb::AnswerPasskeyResponse>, Status> {
        let (assertion, proof) = convert::answer_passkey_request(request.get_ref())?;
        let answered = self.agent.answer_passkey(assertion, proof).await;
        answered.map_err(|denied| status::passkey(&denied))?;
        Ok(Response::new(pb::AnswerPasskeyResponse {}))
    }

    async fn confirm_passkey(
        &self,
        request: Request<pb::ConfirmPasskeyRequest>,
    ) -> Result<Response<pb::ConfirmPasskeyResponse>, Status> {
        let code = convert::confirm_passkey_request(request.into_inner());
        let confirmed = self.agent.confirm_passkey(code).await;
        confirmed.map_err(|denied| status::passkey(&denied))?;
        Ok(Response::new(pb::ConfirmPasskeyResponse {}))
    }

    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        Ok(Response::new(convert::status(
            self.agent.status(),
            self.hardening,
            &self.network,
            request.extensions().get::<Caller>(),
        )))
    }

    async fn resume(
        &self,
        request: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        let timeout = convert::resume_request(request.into_inner())?;
        let resumed = self.agent.resume(timeout).await;
        let status = resumed.map_err(|denied| status::denied(&denied))?;
        Ok(Response::new(convert::resumed(status)))
    }

    async fn send(
        &self,
        request: Request<pb::SendRequest>,
    ) -> Result<Response<pb::SendResponse>, Status> {
        let (_, extensions, mut request) = request.into_parts();
        let seen = convert::store_seen(request.seen.take())?;
        let (draft, options) = convert::send_request(request)?;
        let caller = extensions.get::<Caller>();
        let named = draft.to.clone();
        if let Some(to) = &named {
            limit::check(&self.agent, caller, to).await?;
        }
        let prepared = self.agent.prepare(draft);
        let prepared = prepared.map_err(|failure| status::send_failure(&failure))?;
        if named.is_none() {
            limit::check(&self.agent, caller, &prepared.to).await?;
        }
        if let Some(seen) = seen {
            self.agent.report_store(seen).await;
        }
        let answer = self.agent.send(prepared, options).await;
        let answer = answer.map_err(|failure| status::send_failure(&failure))?;
        Ok(Response::new(convert::send_response(answer)))
    }

    async fn report_store(
        &self,
        request: Request<pb::ReportStoreRequest>,
    ) -> Result<Response<pb::ReportStoreResponse>, Status> {
        let seen = convert::report_store_request(request.into_inner())?;
        let hold = self.agent.report_store(seen).await;
        Ok(Response::new(convert::report_store_response(hold)))
    }

    async fn list_queue(
        &self,
        request: Request<pb::ListQueueRequest>,
    ) -> Result<Response<pb::ListQueueResponse>, Status> {
        let queued = self.agent.queued();
        Ok(Response::new(convert::queue(request.get_ref(), queued)?))
    }

    async fn cancel_send(
        &self,
        request: Request<pb::CancelSendRequest>,
    ) -> Result<Response<pb::CancelSendResponse>, Status> {
        let token = convert::cancel_request(request.into_inner())?;
        let cancelled = self.agent.cancel(&token).await;
        let cancelled = cancelled.map_err(status::cancel_denied)?;
        Ok(Response::new(convert::cancelled(cancelled)))
    }

    async fn watch_events(
        &self,
        request: Request<pb::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let asked = request.get_ref();
        if !asked.consumer.is_empty() || !asked.presence_of.is_empty() {
            roles::require(&request, Role::Sender)?;
        }
        let request = request.into_inner();
        let named = numbers(request.filter.as_ref());
        let mut request = convert::watch_request(request)?;
        // Read before the stream starts, so that no event falls between the two.
        self.agent.journal().flush().await;
        if let Some(name) = &request.consumer {
            let (head, _) = self.agent.journal().range();
            // A cursor beyond the head is from another journal: the client gets all kept events.
            let begin = match request.after {
                Some(after) if after > head => Seq(0),
                after => after.unwrap_or(head),
            };
            let consumers = self.agent.consumers();
            let result = consumers.begin(name, begin, head, clock::wall()).await;
            let acked = result.map_err(|denied| status::consumer(&denied))?;
            request.after.get_or_insert(acked);
        }
        self.agent.resolve(&named).await;
        let followed = self.follow(&request.followed).await;
        let agent = self.agent.clone();
        let lid_of = Box::new(move |phone: &Phone| agent.allowlist().lid_of(phone));
        let pages = self.agent.pages().clone();
        let (journal, agent) = (self.agent.journal(), self.identity());
        let other_name = self.other_name();
        let watch = Watch::new(journal, pages, request, other_name, agent, (named, lid_of));
        let items = watch
            .with(followed)
            .into_stream()
            .take_until(self.stop.clone().fuse());
        let agent = self.agent.clone();
        let items = items.map(move |mut item| {
            if let Some(pb::watch_events_response::Item::Event(event)) = &mut item.item {
                with_chat_name(&agent, event);
            }
            Ok(item)
        });
        Ok(Response::new(items.boxed()))
    }

    async fn list_events(
        &self,
        request: Request<pb::ListEventsRequest>,
    ) -> Result<Response<pb::ListEventsResponse>, Status> {
        let request = request.into_inner();
        let named = numbers(request.filter.as_ref());
        let mut request = convert::list_request(request)?;
        self.agent.journal().flush().await;
        self.agent.resolve(&named).await;
        let allowlist = self.agent.allowlist();
        request
            .filter
            .name_by_lid(named, |phone| allowlist.lid_of(phone));
        let range = self.agent.journal().range();
        let (other_name, agent) = (self.other_name(), self.identity());
        let listed = list::list(self.agent.pages(), range, request, &other_name, &agent);
        let mut listed = listed.await;
        for event in &mut listed.events {
            with_chat_name(&self.agent, event);
        }
        Ok(Response::new(listed))
    }

    async fn ack_events(
        &self,
        request: Request<pb::AckEventsRequest>,
    ) -> Result<Response<pb::AckEventsResponse>, Status> {
        let pb::AckEventsRequest {
            consumer,
            seq,
            go_back,
        } = request.into_inner();
        let name = convert::consumer(&consumer)?;
        let (head, _) = self.agent.journal().range();
        let consumers = self.agent.consumers();
        let Seq(seq) = consumers
            .ack(&name, Seq(seq), go_back, head, clock::wall())
            .await
            .map_err(|denied| status::consumer(&denied))?;
        Ok(Response::new(pb::AckEventsResponse { seq }))
    }

    async fn list_consumers(
        &self,
        request: Request<pb::ListConsumersRequest>,
    ) -> Result<Response<pb::ListConsumersResponse>, Status> {
        let consumers = self.agent.consumers().list();
        let listed = convert::consumers(request.get_ref(), consumers)?;
        Ok(Response::new(listed))
    }

    async fn remove_consumer(
        &self,
        request: Request<pb::RemoveConsumerRequest>,
    ) -> Result<Response<pb::RemoveConsumerResponse>, Status> {
        let name = convert::consumer(&request.into_inner().consumer)?;
        let removed = self.agent.consumers().remove(&name).await;
        removed.map_err(|denied| status::consumer(&denied))?;
        Ok(Response::new(pb::RemoveConsumerResponse {}))
    }

    async fn unpair(
        &self,
        _: Request<pb::UnpairRequest>,
    ) -> Result<Response<pb::UnpairResponse>, Status> {
        let confirmed = self
            .agent
            .unpair()
            .await
            .map_err(|denied| status::denied(&denied))?;
        Ok(Response::new(pb::UnpairResponse { confirmed }))
    }
}

/// Names the group of an event, as currently known.
pub(super) fn with_chat_name(agent: &Agent, event: &mut pb::Event) {
    if let Some(origin) = event.origin_mut()
        && origin.chat_kind() == pb::ChatKind::Group
    {
        origin.chat_name = agent.group_name(&origin.chat).unwrap_or_default();
    }
}

/// The phone numbers in a filter. Two spellings of a number can belong to one person; the LID shows that.
fn numbers(filter: Option<&pb::EventFilter>) -> Vec<Phone> {
    let chats = filter.into_iter().flat_map(|filter| &filter.chats);
    chats.filter_map(|chat| chat.parse().ok()).collect()
}

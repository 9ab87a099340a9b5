//! Replaces the agent in these tests: it responds as its script says, and records the calls.

mod access;
mod admin;
mod alerts;
mod chats;
mod clients;
mod contacts;
mod files;
mod groups;
mod health;
mod tls;

use std::net::Shutdown;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use openclaw_proto::v1::access_server::AccessServer;
use openclaw_proto::v1::admin_server::AdminServer;
use openclaw_proto::v1::agent_server::{Agent, AgentServer};
use openclaw_proto::v1::alerts_server::AlertsServer;
use openclaw_proto::v1::chats_server::ChatsServer;
use openclaw_proto::v1::clients_server::ClientsServer;
use openclaw_proto::v1::contacts_server::ContactsServer;
use openclaw_proto::v1::files_server::FilesServer;
use openclaw_proto::v1::groups_server::GroupsServer;
use openclaw_proto::v1::{
    AckEventsRequest, AckEventsResponse, AnswerPasskeyRequest, AnswerPasskeyResponse,
    CancelSendRequest, CancelSendResponse, ConfirmPasskeyRequest, ConfirmPasskeyResponse,
    ListConsumersRequest, ListConsumersResponse, ListEventsRequest, ListEventsResponse,
    ListQueueRequest, ListQueueResponse, PairFrame, PairRequest, RemoveConsumerRequest,
    RemoveConsumerResponse, ReportStoreRequest, ReportStoreResponse, ResumeRequest, ResumeResponse,
    SendRequest, SendResponse, StatusRequest, StatusResponse, UnpairRequest, UnpairResponse,
    WatchEventsRequest, WatchEventsResponse,
};
use serde_json::Value;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status};

use crate::script::{Enrolment, Script, Step, step, written};
pub(crate) use tls::{Listener, code};

/// An agent that follows a script until it is dropped.
pub(crate) struct ScriptedAgent {
    shared: Arc<Shared>,
    servers: Vec<JoinHandle<()>>,
    listener: Option<Arc<Listener>>,
}

struct Shared {
    script: Mutex<Script>,
    asked: watch::Sender<Vec<String>>,
    printed: watch::Receiver<String>,
    /// Each closure cuts a connection.
    connections: Mutex<Vec<Box<dyn Fn() + Send>>>,
}

impl ScriptedAgent {
    /// Listens at `socket`. `printed` is the client's output so far.
    pub(crate) async fn start(
        socket: &Path,
        script: Script,
        printed: watch::Receiver<String>,
    ) -> Self {
        let health = health::service(&script).await;
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            asked: watch::Sender::default(),
            printed,
            connections: Mutex::default(),
        });
        let listener = UnixListener::bind(socket).expect("bind the socket");
        let keep = Arc::clone(&shared);
        let incoming = UnixListenerStream::new(listener)
            .map(move |accepted| accepted.inspect(|stream: &UnixStream| keep.keep(cutter(stream))));
        let methods = Arc::new(Methods(Arc::clone(&shared)));
        let router = tonic::transport::Server::builder()
            .add_service(health)
            .add_service(AgentServer::from_arc(Arc::clone(&methods)))
            .add_service(AdminServer::from_arc(Arc::clone(&methods)))
            .add_service(AccessServer::from_arc(Arc::clone(&methods)))
            .add_service(AlertsServer::from_arc(Arc::clone(&methods)))
            .add_service(FilesServer::from_arc(Arc::clone(&methods)))
            .add_service(ChatsServer::from_arc(Arc::clone(&methods)))
            .add_service(ContactsServer::from_arc(Arc::clone(&methods)))
            .add_service(GroupsServer::from_arc(Arc::clone(&methods)))
            .add_service(ClientsServer::from_arc(methods));
        let mut servers = Vec::new();
        let mut listener = None;
        let speaks = shared.script.lock().unwrap().listens;
        if let Some(speaks) = speaks {
            let (opened, links) = tls::open(speaks, Arc::clone(&shared)).await;
            listener = Some(opened);
            let router = router.clone();
            servers.push(tokio::spawn(async move {
                let links = ReceiverStream::new(links);
                router.serve_with_incoming(links).await.expect("serve");
            }));
        }
        servers.push(tokio::spawn(async move {
            router.serve_with_incoming(incoming).await.expect("serve");
        }));
        Self {
            shared,
            servers,
            listener,
        }
    }

    /// The loopback listener, if there is one.
    pub(crate) fn listener(&self) -> Option<&Listener> {
        self.listener.as_deref()
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        self.shared.cut();
    }

    /// Sets the result of the next enrolment.
    pub(crate) fn expect(&self, enrolment: Enrolment) {
        let mut script = self.shared.script.lock().unwrap();
        script.enroll.push_back(enrolment);
    }

    /// The calls so far, each as `Method {json}`, and `Method closed` for each held stream that the client closed.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.asked.borrow().clone()
    }

    /// Waits for a call that starts with `call`.
    pub(crate) async fn until_asked(&self, call: &str) {
        let mut asked = self.shared.asked.subscribe();
        let waiting = asked.wait_for(|asked| asked.iter().any(|one| one.starts_with(call)));
        let found = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        assert!(
            matches!(found, Ok(Ok(_))),
            "never called: {call}; calls: {:?}",
            self.asked()
        );
    }
}

fn cutter(stream: &UnixStream) -> Box<dyn Fn() + Send> {
    let twin = stream
        .as_fd()
        .try_clone_to_owned()
        .expect("a second descriptor");
    let twin = StdUnixStream::from(twin);
    // It may be closed already.
    Box::new(move || drop(twin.shutdown(Shutdown::Both)))
}

impl Drop for ScriptedAgent {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
        self.shared.cut();
    }
}

impl Shared {
    fn note(&self, call: String) {
        self.asked.send_modify(|asked| asked.push(call));
    }

    fn cut(&self) {
        for cut in self.connections.lock().unwrap().drain(..) {
            cut();
        }
    }

    fn keep(&self, cut: Box<dyn Fn() + Send>) {
        self.connections.lock().unwrap().push(cut);
    }

    async fn until_printed(&self, text: &str) {
        let mut printed = self.printed.clone();
        // If the client ends first, the case fails because of its output.
        let _ = printed.wait_for(|printed| printed.contains(text)).await;
    }

    /// A response from a server with another clock.
    #[expect(clippy::disallowed_methods, reason = "a server has a clock")]
    fn dated<M>(&self, message: M) -> Response<M> {
        let mut response = Response::new(message);
        let ahead = self.script.lock().unwrap().clock;
        if ahead != 0 {
            let now = SystemTime::now();
            let step = Duration::from_secs(ahead.unsigned_abs());
            let date = if ahead > 0 { now + step } else { now - step };
            let date = httpdate::fmt_http_date(date).parse().unwrap();
            response.metadata_mut().insert("date", date);
        }
        response
    }

    async fn answer<M: prost::Message + Default>(
        &self,
        name: &str,
        answer: Option<Value>,
    ) -> Result<Response<M>, Status> {
        let answer = answer.ok_or_else(|| Status::unimplemented("the script says nothing"))?;
        match step(name, answer) {
            Step::Send(message) => Ok(self.dated(*message)),
            Step::Refuse(status) => Err(status),
            Step::Cut => {
                self.cut();
                std::future::pending().await
            }
            Step::Hold | Step::When(_) => std::future::pending().await,
        }
    }
}

struct Methods(Arc<Shared>);

type Answers<M> = Pin<Box<dyn Stream<Item = Result<M, Status>> + Send>>;

impl Methods {
    fn stream<M: prost::Message + Default + 'static>(
        &self,
        method: &'static str,
        message: &'static str,
        steps: Option<Vec<Value>>,
    ) -> Result<Response<Answers<M>>, Status> {
        let steps = steps.ok_or_else(|| Status::unimplemented("the script says nothing"))?;
        let first = steps.first().filter(|one| one.get("error").is_some());
        if let Some(Step::Refuse(status)) = first.map(|one| step::<M>(message, one.clone())) {
            return Err(status);
        }
        let shared = Arc::clone(&self.0);
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            for one in steps {
                // Parsed only at its turn: times in it are relative to now.
                match step::<M>(message, one) {
                    // The client may be gone; a later `hold` records that.
                    Step::Send(message) => drop(sender.send(Ok(*message)).await),
                    Step::Refuse(status) => drop(sender.send(Err(status)).await),
                    Step::Cut => {
                        shared.cut();
                        sender.closed().await;
                    }
                    Step::Hold => {
                        sender.closed().await;
                        shared.note(format!("{method} closed"));
                    }
                    Step::When(text) => shared.until_printed(&text).await,
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

#[tonic::async_trait]
impl Agent for Methods {
    type PairStream = Answers<PairFrame>;
    type WatchEventsStream = Answers<WatchEventsResponse>;

    async fn pair(
        &self,
        request: Request<PairRequest>,
    ) -> Result<Response<Self::PairStream>, Status> {
        let asked = written("PairRequest", request.get_ref());
        self.0.note(format!("Pair {asked}"));
        let steps = self.0.script.lock().unwrap().pair.pop_front();
        self.stream("Pair", "PairFrame", steps)
    }

    async fn answer_passkey(
        &self,
        request: Request<AnswerPasskeyRequest>,
    ) -> Result<Response<AnswerPasskeyResponse>, Status> {
        let asked = written("AnswerPasskeyRequest", request.get_ref());
        self.0.note(format!("AnswerPasskey {asked}"));
        let answer = self.0.script.lock().unwrap().answer_passkey.pop_front();
        self.0.answer("AnswerPasskeyResponse", answer).await
    }

    async fn confirm_passkey(
        &self,
        request: Request<ConfirmPasskeyRequest>,
    ) -> Result<Response<ConfirmPasskeyResponse>, Status> {
        let asked = written("ConfirmPasskeyRequest", request.get_ref());
        self.0.note(format!("ConfirmPasskey {asked}"));
        let answer = self.0.script.lock().unwrap().confirm_passkey.pop_front();
        self.0.answer("ConfirmPasskeyResponse", answer).await
    }

    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        self.0.note("Status {}".to_owned());
        let answer = self.0.script.lock().unwrap().status.pop_front();
        self.0.answer("StatusResponse", answer).await
    }

    async fn resume(
        &self,
        request: Request<ResumeRequest>,
    ) -> Result<Response<ResumeResponse>, Status> {
        let asked = written("ResumeRequest", request.get_ref());
        self.0.note(format!("Resume {asked}"));
        let answer = self.0.script.lock().unwrap().resume.pop_front();
        self.0.answer("ResumeResponse", answer).await
    }

    async fn send(&self, request: Request<SendRequest>) -> Result<Response<SendResponse>, Status> {
        let asked = written("SendRequest", request.get_ref());
        self.0.note(format!("Send {asked}"));
        let answer = self.0.script.lock().unwrap().send.pop_front();
        self.0.answer("SendResponse", answer).await
    }

    async fn report_store(
        &self,
        request: Request<ReportStoreRequest>,
    ) -> Result<Response<ReportStoreResponse>, Status> {
        let asked = written("ReportStoreRequest", request.get_ref());
        self.0.note(format!("ReportStore {asked}"));
        let answer = self.0.script.lock().unwrap().report_store.pop_front();
        self.0.answer("ReportStoreResponse", answer).await
    }

    async fn list_queue(
        &self,
        request: Request<ListQueueRequest>,
    ) -> Result<Response<ListQueueResponse>, Status> {
        let asked = written("ListQueueRequest", request.get_ref());
        self.0.note(format!("ListQueue {asked}"));
        let answer = self.0.script.lock().unwrap().list_queue.pop_front();
        self.0.answer("ListQueueResponse", answer).await
    }

    async fn cancel_send(
        &self,
        request: Request<CancelSendRequest>,
    ) -> Result<Response<CancelSendResponse>, Status> {
        let asked = written("CancelSendRequest", request.get_ref());
        self.0.note(format!("CancelSend {asked}"));
        let answer = self.0.script.lock().unwrap().cancel_send.pop_front();
        self.0.answer("CancelSendResponse", answer).await
    }

    async fn watch_events(
        &self,
        request: Request<WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        let asked = written("WatchEventsRequest", request.get_ref());
        self.0.note(format!("WatchEvents {asked}"));
        let steps = self.0.script.lock().unwrap().watch.pop_front();
        self.stream("WatchEvents", "WatchEventsResponse", steps)
    }

    async fn list_events(
        &self,
        request: Request<ListEventsRequest>,
    ) -> Result<Response<ListEventsResponse>, Status> {
        let asked = written("ListEventsRequest", request.get_ref());
        self.0.note(format!("ListEvents {asked}"));
        let answer = self.0.script.lock().unwrap().events.pop_front();
        self.0.answer("ListEventsResponse", answer).await
    }

    async fn ack_events(
        &self,
        request: Request<AckEventsRequest>,
    ) -> Result<Response<AckEventsResponse>, Status> {
        let asked = written("AckEventsRequest", request.get_ref());
        self.0.note(format!("AckEvents {asked}"));
        let answer = self.0.script.lock().unwrap().ack.pop_front();
        self.0.answer("AckEventsResponse", answer).await
    }

    async fn list_consumers(
        &self,
        request: Request<ListConsumersRequest>,
    ) -> Result<Response<ListConsumersResponse>, Status> {
        let asked = written("ListConsumersRequest", request.get_ref());
        self.0.note(format!("ListConsumers {asked}"));
        let answer = self.0.script.lock().unwrap().consumers.pop_front();
        self.0.answer("ListConsumersResponse", answer).await
    }

    async fn remove_consumer(
        &self,
        request: Request<RemoveConsumerRequest>,
    ) -> Result<Response<RemoveConsumerResponse>, Status> {
        let asked = written("RemoveConsumerRequest", request.get_ref());
        self.0.note(format!("RemoveConsumer {asked}"));
        let answer = self.0.script.lock().unwrap().remove_consumer.pop_front();
        self.0.answer("RemoveConsumerResponse", answer).await
    }

    async fn unpair(&self, _: Request<UnpairRequest>) -> Result<Response<UnpairResponse>, Status> {
        self.0.note("Unpair {}".to_owned());
        let answer = self.0.script.lock().unwrap().unpair.pop_front();
        self.0.answer("UnpairResponse", answer).await
    }
}

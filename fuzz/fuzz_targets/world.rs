//! A linked session and its simulator, on one thread and without a socket.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use openclaw_egress::Egress;
use openclaw_sim::{By, Config, GroupChange, Leniency, Phone, Sim, Tamper, Unopenable};
use openclaw_state::admission::Admission;
use openclaw_state::allow::{Allowlist, Loaded, Source};
use openclaw_state::clock;
use openclaw_state::journal::{self, Journal};
use openclaw_state::outbox::{self, Outbox};
use openclaw_state::people::People;
use openclaw_state::traffic::Traffic;
use openclaw_state::vault::trial::Volume;
use openclaw_types::{Device, EventData, Outgoing, Recipient, Seq, Text};
use openclaw_whatsapp::session::{
    Endpoint, InProcess, Report, Session, Setup, VersionPlace, Versions, new_message_id,
};
use openclaw_whatsapp::store::Store;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const ACCOUNT: &str = "+15550100001";
const CONTACT: &str = "+15550100002";
/// A contact whose stanzas are never corrupted.
const WITNESS: &str = "+15550100003";
/// Far longer than any exchange takes.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How long a session may wait after corrupted stanzas, for example for a response that never arrives, before it is
/// reconnected.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);
/// The maximum number of reports and events in a failure message.
const MAX_REPORTS: usize = 20;
/// The maximum number of actions in a program.
const MAX_ACTIONS: usize = 6;

/// A linked session with its account, simulator and state.
pub struct World {
    runtime: Runtime,
    sim: Arc<Sim>,
    group: String,
    setup: Setup,
    store: Store,
    link: Option<Link>,
    marks: u32,
    seen: Seq,
    ids: HashSet<String>,
    /// The last reports of the session, for a failure message.
    reports: VecDeque<Report>,
    /// The last events, for a failure message.
    events: VecDeque<EventData>,
    _volume: Volume,
}

struct Link {
    session: Session,
    reports: mpsc::Receiver<Report>,
    connection: JoinHandle<()>,
}

impl World {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let volume = Volume::new();
        let (sim, setup, store, link, group) = runtime.block_on(async {
            let config = Config {
                lenient: [Leniency::Endings].into(),
                ..Config::default()
            };
            let sim = Arc::new(Sim::without_listener(config));
            let (setup, store) = setup(&volume, &sim);
            // The task that syncs events that no caller waits for, which makes them visible.
            tokio::spawn(Arc::clone(&setup.journal).run());
            let link = linked(&setup, &store, &sim).await;
            let members = [CONTACT, WITNESS];
            let group = phone(&sim).create_group("Harbour", &members).await;
            (sim, setup, store, link, group.expect("a group"))
        });
        let mut world = Self {
            runtime,
            sim,
            group,
            setup,
            store,
            link: Some(link),
            marks: 0,
            seen: Seq(0),
            ids: HashSet::new(),
            reports: VecDeque::new(),
            events: VecDeque::new(),
            _volume: volume,
        };
        world.must_receive();
        world
    }

    /// Runs a program: the number of actions, the actions, and how to corrupt the server's stanzas.
    pub fn run(&mut self, program: &[u8]) {
        let Some((count, rest)) = program.split_first() else {
            return;
        };
        let count = usize::from(*count) % (MAX_ACTIONS + 1);
        let (actions, rest) = rest.split_at(count.min(rest.len()));
        self.sim.tamper(Some(Tamper::new(rest.to_vec())));
        for action in actions {
            self.act(*action);
            self.settle();
        }
        self.sim.tamper(None);
        self.must_receive();
    }

    fn act(&mut self, action: u8) {
        let (sim, group) = (Arc::clone(&self.sim), self.group.clone());
        let session = self.link.as_ref().map(|link| link.session.clone());
        let by = if action & 0x80 == 0 { By::Lid } else { By::Pn };
        let acted = async move {
            let contact = sim.peer(CONTACT).expect("a number");
            match action % 16 {
                0 => drop(contact.send_text(ACCOUNT, "one", by).await),
                1 => drop(contact.send_to_group_by(&group, "two", by).await),
                2 => drop(contact.send_unopenable(ACCOUNT, Unopenable::ViewOnce, by)),
                3 => {
                    contact.cannot_open(1, 1, None);
                    send(session, "+15550100002").await;
                }
                4 => contact.reinstall(),
                5 => contact.set_available(action & 0x40 != 0),
                6 => drop(contact.show_typing(ACCOUNT, "composing")),
                7 => {
                    drop(phone(&sim).change_group(&group, &GroupChange::Subject("Tide".to_owned())))
                }
                8 => drop(phone(&sim).change_group(&group, &GroupChange::reset_invite())),
                9 => drop(phone(&sim).send_text(CONTACT, "three").await),
                10 => send(session, CONTACT).await,
                11 => send_to_group(session, &group).await,
                12 => drop(contact.add_devices(1)),
                13 => drop(phone(&sim).post_in_channel("120363000000000009", "four")),
                14 => drop(phone(&sim).answer_by_bot()),
                _ => sim.fault(openclaw_sim::Fault::Drop).await,
            }
        };
        let acted = async { timeout(RECONNECT_AFTER / 4, acted).await };
        let _ = self.runtime.block_on(acted);
    }

    /// Lets stanzas in transit arrive.
    fn settle(&mut self) {
        self.runtime
            .block_on(async { tokio::time::sleep(Duration::from_millis(3)).await });
        self.revive();
    }

    /// Reconnects if the connection has ended.
    fn revive(&mut self) {
        if let Some(link) = &mut self.link {
            while let Ok(report) = link.reports.try_recv() {
                self.reports.push_back(report);
            }
            let surplus = self.reports.len().saturating_sub(MAX_REPORTS);
            self.reports.drain(..surplus);
        }
        let ended = self
            .link
            .as_ref()
            .is_none_or(|link| link.connection.is_finished());
        if ended {
            self.reconnect();
        }
    }

    /// Opens a new session with the same store, as after a kill.
    fn reconnect(&mut self) {
        if let Some(link) = self.link.take() {
            self.runtime.block_on(link.close());
        }
        let opened = self.runtime.block_on(open(&self.setup, &self.store));
        self.link = Some(opened);
    }

    /// Checks that the next message from the witness reaches the journal, on this connection or on the next one.
    fn must_receive(&mut self) {
        self.marks += 1;
        let mark = format!("MARK{:08}", self.marks);
        let text = whatsapp_rust::waproto::whatsapp::Message {
            conversation: Some("whole".to_owned()),
            ..Default::default()
        };
        let witness = self.sim.peer(WITNESS).expect("a number");
        let sent = witness.send(ACCOUNT, text, By::Lid, Some(mark.clone()));
        self.runtime.block_on(sent).expect("sent");
        if self.receives(&mark, RECONNECT_AFTER) {
            return;
        }
        self.reconnect();
        assert!(
            self.receives(&mark, TIMEOUT),
            "the session does not receive {mark}: owed {:#?}, acked {:#?}, violations {:#?}, reports {:#?}, events {:#?}",
            self.sim.queue(ACCOUNT),
            self.sim
                .acks(ACCOUNT)
                .map(|mut acks| acks.split_off(acks.len().saturating_sub(8))),
            self.sim.violations(),
            self.reports,
            self.events,
        );
    }

    fn receives(&mut self, mark: &str, limit: Duration) -> bool {
        let deadline = std::time::Instant::now() + limit;
        loop {
            if self.read(mark) {
                return true;
            }
            if std::time::Instant::now() >= deadline {
                return false;
            }
            self.runtime
                .block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
            self.revive();
        }
    }

    /// Reads new events from the journal. Returns true if the message is among them; panics if a message is in the
    /// journal twice.
    fn read(&mut self, mark: &str) -> bool {
        let mut found = false;
        loop {
            let page = self.setup.journal.read(self.seen, 256);
            if page.cursor == self.seen {
                return found;
            }
            self.seen = page.cursor;
            for event in page.events {
                self.events.push_back(event.what.clone());
                self.events
                    .drain(..self.events.len().saturating_sub(MAX_REPORTS));
                let EventData::Message(message) = &event.what else {
                    continue;
                };
                let origin = &message.origin;
                let name = format!(
                    "{} {:?} {:?}",
                    origin.id.as_str(),
                    origin.chat,
                    origin.sender
                );
                found |= origin.id.as_str() == mark;
                assert!(self.ids.insert(name), "a message is in the journal twice");
            }
        }
    }
}

impl Link {
    /// Closes the session as the agent does.
    async fn close(self) {
        let Self {
            session,
            mut reports,
            mut connection,
        } = self;
        let ended = async {
            loop {
                tokio::select! {
                    _ = &mut connection => return,
                    Some(_) = reports.recv() => {}
                }
            }
        };
        let closing = async { tokio::join!(session.close(), ended) };
        let closed = timeout(TIMEOUT, closing).await;
        assert!(closed.is_ok(), "the connection does not close");
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            self.runtime.block_on(link.close());
        }
    }
}

fn phone(sim: &Sim) -> Phone {
    sim.phone(ACCOUNT).expect("a number")
}

async fn send(session: Option<Session>, to: &str) {
    let to = to.parse().expect("a recipient");
    send_text(session, &to).await;
}

async fn send_to_group(session: Option<Session>, group: &str) {
    let to = group.parse().expect("a recipient");
    send_text(session, &to).await;
}

async fn send_text(session: Option<Session>, to: &Recipient) {
    let Some(session) = session else { return };
    let Some((account, _)) = session.account() else {
        return;
    };
    let text = Outgoing::of_text(Text::kept("five".to_owned()));
    if session.check(to).await.is_ok() {
        let id = new_message_id(&account, clock::now());
        let _ = session.send(to, &id, &text, None).await;
    }
}

async fn open(setup: &Setup, store: &Store) -> Link {
    let (session, mut driver, reports) = Session::open(setup, store).await.expect("a session");
    let connection = tokio::spawn(async move { driver.connect().await });
    Link {
        session,
        reports,
        connection,
    }
}

/// Links the account: the phone scans the code, then the session reconnects.
async fn linked(setup: &Setup, store: &Store, sim: &Sim) -> Link {
    let (session, mut driver, mut reports) = Session::open(setup, store).await.expect("a session");
    let connection = tokio::spawn(async move {
        driver.connect().await;
        driver.connect().await;
    });
    let mut accepted = false;
    loop {
        let report = timeout(TIMEOUT, reports.recv()).await.expect("a report");
        match report.expect("a report") {
            Report::Qr { payload, .. } => drop(phone(sim).scan(&payload.0).await.expect("linked")),
            Report::Accepted { .. } => accepted = true,
            Report::LoggedIn if accepted => break,
            _ => {}
        }
    }
    Link {
        session,
        reports,
        connection,
    }
}

fn setup(volume: &Volume, sim: &Arc<Sim>) -> (Setup, Store) {
    let (vault, now) = (volume.vault.clone(), clock::now());
    let journal = Arc::new(Journal::open(
        vault.clone(),
        journal::Limits::default(),
        now,
    ));
    let store = Store::with_inbox(vault.clone(), Arc::clone(&journal));
    let traffic = Arc::new(Traffic::default());
    let rules = Loaded {
        rules: None,
        from_file: false,
    };
    let source = Source::new(None);
    let book = Box::new(store.clone());
    let allowlist = Allowlist::open(source, rules, vault.clone(), book, now);
    let limits = outbox::Limits::default();
    let outbox = Arc::new(Outbox::open(vault.clone(), Arc::clone(&journal), limits));
    let people: Arc<dyn People> = Arc::new(store.clone());
    let admission = Admission::new(
        Arc::new(allowlist),
        Arc::clone(&outbox),
        Arc::clone(&journal),
        people,
        vault.clone(),
        Arc::clone(&traffic),
        Duration::from_secs(60),
    );
    let server = Arc::clone(sim);
    let setup = Setup {
        endpoint: Endpoint::InProcess(InProcess(Arc::new(move || server.connect()))),
        versions: Versions::open(VersionPlace::Nowhere, Egress::direct(), vault),
        egress: Egress::direct(),
        keepalive_limit: Duration::from_secs(60),
        ready_after: Duration::from_secs(3),
        journal,
        outbox,
        traffic,
        admission: Arc::new(admission),
        presence: Arc::default(),
        device: Device::default(),
    };
    (setup, store)
}

//! Linking a session to the simulator's phones, which are as strict as WhatsApp's: QR codes, codes to type, passkeys and
//! hosted accounts. In one process, so that a test can let minutes pass.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use openclaw_egress::Egress;
use openclaw_sim::adv::Signing;
use openclaw_sim::webauthn::Forgery;
use openclaw_sim::{Config, Error, Fault, Linked, Passkeys, Phone, Sim};
use openclaw_state::admission::Admission;
use openclaw_state::allow::{Allowlist, Loaded, Source};
use openclaw_state::clock;
use openclaw_state::journal::{self, Journal};
use openclaw_state::outbox::{self, Outbox};
use openclaw_state::people::People;
use openclaw_state::traffic::Traffic;
use openclaw_state::vault::trial::Volume;
use openclaw_types::Device;
use openclaw_whatsapp::session::{
    Assertion, CeremonyEnd, Endpoint, HandoffProof, InProcess, Loss, PasskeyError, Refusal, Report,
    Secret, Session, Setup, VersionPlace, Versions,
};
use openclaw_whatsapp::store::Store;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const ACCOUNT: &str = "+15550100001";
/// No test needs more: QR codes, QR codes again, and the login.
const MAX_CONNECTIONS: u32 = 3;
const TEST_TIMEOUT: Duration = Duration::from_secs(900);

/// A session that connects whenever its connection has ended, as a pairing does.
struct World {
    sim: Arc<Sim>,
    session: Session,
    reports: mpsc::Receiver<Report>,
    _driver: JoinHandle<()>,
    _volume: Volume,
}

impl World {
    async fn new() -> Self {
        let sim = Arc::new(Sim::without_listener(Config::default()));
        let volume = Volume::new();
        let (setup, store) = setup(&volume, &sim);
        // In memory, as a device that is being linked: the disk knows nothing of the time of a test.
        let store = store.aside();
        let (session, mut driver, reports) = Session::open(&setup, &store).await.unwrap();
        let driver = tokio::spawn(async move {
            for _ in 0..MAX_CONNECTIONS {
                driver.connect().await;
            }
        });
        Self {
            sim,
            session,
            reports,
            _driver: driver,
            _volume: volume,
        }
    }

    fn phone(&self) -> Phone {
        self.sim.phone(ACCOUNT).unwrap()
    }

    /// Waits for a report.
    async fn until<T>(&mut self, wanted: impl Fn(&Report) -> Option<T>) -> T {
        let found = async {
            loop {
                let report = self.reports.recv().await.unwrap();
                if let Some(found) = wanted(&report) {
                    return found;
                }
            }
        };
        timeout(TEST_TIMEOUT, found).await.unwrap()
    }

    async fn qr(&mut self) -> String {
        self.until(|report| match report {
            Report::Qr { payload, .. } => Some(payload.0.clone()),
            _ => None,
        })
        .await
    }

    /// The phone scans a code, and waits for the end of the ceremony.
    async fn scan(&mut self) -> JoinHandle<Result<Linked, Error>> {
        let (qr, phone) = (self.qr().await, self.phone());
        tokio::spawn(async move { phone.scan(&qr).await })
    }

    /// The options of a passkey's request.
    async fn asked(&mut self) -> Secret {
        self.until(|report| match report {
            Report::PasskeyRequest { options, .. } => Some(options.clone()),
            _ => None,
        })
        .await
    }

    /// The browser's answer to a request.
    fn assertion(&self, options: &Secret, forgery: &Forgery) -> Assertion {
        let options: Value = serde_json::from_str(&options.0).unwrap();
        let made = self.phone().assert_passkey(&options, forgery).unwrap();
        Assertion::parse(&made.to_string()).unwrap()
    }

    async fn confirmation(&mut self) -> String {
        self.until(|report| match report {
            Report::PasskeyConfirmation(code) => Some(code.0.clone()),
            _ => None,
        })
        .await
    }

    async fn refused(&mut self) -> Refusal {
        self.until(|report| match report {
            Report::PairingRefused(refusal) => Some(*refusal),
            _ => None,
        })
        .await
    }

    async fn ended(&mut self) -> Loss {
        self.until(|report| match report {
            Report::Ended(loss) => Some(*loss),
            _ => None,
        })
        .await
    }

    /// Waits for the login, and checks that no rule of WhatsApp was broken.
    async fn linked(mut self) {
        // The credentials are stored from here on: paused time would run on while the disk is awaited.
        tokio::time::resume();
        self.until(|report| matches!(report, Report::Accepted { .. }).then_some(()))
            .await;
        assert_eq!(self.ended().await, Loss::Restart);
        self.until(|report| matches!(report, Report::LoggedIn).then_some(()))
            .await;
        self.close().await;
    }

    async fn close(self) {
        self.session.close().await;
        let violations = self.sim.violations();
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

fn setup(volume: &Volume, sim: &Arc<Sim>) -> (Setup, Store) {
    let (vault, now) = (volume.vault.clone(), clock::now());
    let limits = journal::Limits::default();
    let journal = Arc::new(Journal::open(vault.clone(), limits, now));
    let store = Store::with_inbox(vault.clone(), Arc::clone(&journal));
    let traffic = Arc::new(Traffic::default());
    let rules = Loaded {
        rules: None,
        from_file: false,
    };
    let book = Box::new(store.clone());
    let allowlist = Allowlist::open(Source::new(None), rules, vault.clone(), book, now);
    let limits = outbox::Limits::default();
    let outbox = Arc::new(Outbox::open(vault.clone(), Arc::clone(&journal), limits));
    let people: Arc<dyn People> = Arc::new(store.clone());
    let admission = Admission::new(
        Arc::new(allowlist),
        Arc::clone(&outbox),
        Arc::clone(&journal),
        people,
        vault,
        Arc::clone(&traffic),
        Duration::from_secs(60),
    );
    let server = Arc::clone(sim);
    let setup = Setup {
        endpoint: Endpoint::InProcess(InProcess(Arc::new(move || server.connect()))),
        egress: Egress::direct(),
        // In memory as well: while time is paused, nothing may wait for the disk.
        versions: Versions::open(
            VersionPlace::Nowhere,
            Egress::direct(),
            store.aside().vault().clone(),
        ),
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

/// Does not count: the ceremony ended as the test wanted.
fn forget<T>(_: T) {}

#[tokio::test(start_paused = true)]
async fn the_codes_of_all_refs_and_of_the_next_connection_link() {
    let mut world = World::new().await;
    let mut codes = Vec::new();
    for _ in 0..6 {
        codes.push(world.qr().await);
    }
    assert_eq!(world.ended().await, Loss::CodesExhausted);
    codes.push(world.qr().await);
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), 7, "no code is shown twice");
    let scan = world.scan().await;
    world.linked().await;
    scan.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_code_in_the_last_seconds_of_its_life_links() {
    let mut world = World::new().await;
    for _ in 0..5 {
        world.qr().await;
    }
    let qr = world.qr().await;
    sleep(Duration::from_secs(18)).await;
    let phone = world.phone();
    let scan = tokio::spawn(async move { phone.scan(&qr).await });
    world.linked().await;
    scan.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hosted_account_links() {
    let mut world = World::new().await;
    world.phone().host(Signing::Hosted);
    let scan = world.scan().await;
    world.linked().await;
    scan.await.unwrap().unwrap();
}

/// Links with a proof, when the person answers after `delay`.
async fn link_with_proof(passkeys: Passkeys, delay: Duration) {
    let mut world = World::new().await;
    world.phone().require_passkey(passkeys).unwrap();
    let scan = world.scan().await;
    let options = world.asked().await;
    sleep(delay).await;
    let assertion = world.assertion(&options, &Forgery::default());
    let session = world.session.clone();
    let answered = session.answer_passkey(assertion, HandoffProof::Send).await;
    assert_eq!(answered, Ok(()));
    world.linked().await;
    scan.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_passkey_links_with_a_proof() {
    link_with_proof(Passkeys::default(), Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn options_that_the_request_does_not_bring_are_fetched() {
    let passkeys = Passkeys {
        brings_options: false,
        ..Passkeys::default()
    };
    link_with_proof(passkeys, Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn a_ceremony_outlives_the_qr_codes() {
    // It takes nine minutes to find a browser that is logged in.
    link_with_proof(Passkeys::default(), Duration::from_secs(540)).await;
}

/// A world whose code is shown, and the pending scan.
async fn comparing() -> (World, JoinHandle<Result<Linked, Error>>, String) {
    let mut world = World::new().await;
    world.phone().require_passkey(Passkeys::default()).unwrap();
    let scan = world.scan().await;
    let options = world.asked().await;
    let assertion = world.assertion(&options, &Forgery::default());
    let answered = world
        .session
        .answer_passkey(assertion, HandoffProof::CompareCode)
        .await;
    assert_eq!(answered, Ok(()));
    let code = world.confirmation().await;
    (world, scan, code)
}

#[tokio::test(start_paused = true)]
async fn a_passkey_links_when_a_person_compares_the_code() {
    let (world, scan, code) = comparing().await;
    let shown = world.phone().passkey_ceremony().unwrap().code;
    assert_eq!(shown.as_deref(), Some(code.as_str()));
    world.phone().confirm_passkey(&code).unwrap();
    assert_eq!(world.session.confirm_passkey().await, Ok(()));
    world.linked().await;
    scan.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_typed_links_with_a_passkey() {
    let mut world = World::new().await;
    world.phone().require_passkey(Passkeys::default()).unwrap();
    world.session.request_phone_code(ACCOUNT.parse().unwrap());
    let code = world
        .until(|report| match report {
            Report::PhoneCode { code, .. } => Some(code.0.clone()),
            _ => None,
        })
        .await;
    let phone = world.phone();
    let typed = tokio::spawn(async move { phone.enter_code(&code).await });
    let options = world.asked().await;
    // Longer than a typed code waits for its success without a ceremony.
    sleep(Duration::from_secs(200)).await;
    let assertion = world.assertion(&options, &Forgery::default());
    let session = world.session.clone();
    let answered = session.answer_passkey(assertion, HandoffProof::Send).await;
    assert_eq!(answered, Ok(()));
    world.linked().await;
    typed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_assertion_of_another_passkey_is_refused() {
    let mut world = World::new().await;
    world.phone().require_passkey(Passkeys::default()).unwrap();
    forget(world.scan().await);
    let options = world.asked().await;
    let forgery = Forgery {
        challenge: Some("AAAA".into()),
        ..Forgery::default()
    };
    let other = world.assertion(&options, &forgery);
    let answered = world
        .session
        .answer_passkey(other, HandoffProof::Send)
        .await;
    assert_eq!(answered, Err(PasskeyError::OtherChallenge));
    let forgery = Forgery {
        foreign_key: true,
        ..Forgery::default()
    };
    let foreign = world.assertion(&options, &forgery);
    let answered = world
        .session
        .answer_passkey(foreign, HandoffProof::Send)
        .await;
    let Err(PasskeyError::Refused(code)) = answered else {
        panic!("{answered:?}");
    };
    let refused = Refusal::Passkey(CeremonyEnd::AssertionRefused(code));
    assert_eq!(world.refused().await, refused);
    assert!(!world.sim.violations().is_empty());
    world.session.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_who_declines_links_nothing() {
    let (mut world, scan, _) = comparing().await;
    world.phone().refuse_passkey().unwrap();
    let confirmed = world.session.confirm_passkey().await;
    assert_eq!(confirmed, Err(PasskeyError::Refused(403)));
    let declined = Refusal::Passkey(CeremonyEnd::Declined(403));
    assert_eq!(world.refused().await, declined);
    assert!(matches!(scan.await.unwrap(), Err(Error::PasskeyRefused)));
    assert!(world.phone().companions().is_empty());
    let violations = world.sim.violations();
    let declined = "the person at the phone has declined";
    assert!(
        violations.iter().all(|it| it.detail == declined),
        "{violations:#?}"
    );
    world.session.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_ceremony_that_nobody_answers_expires() {
    let mut world = World::new().await;
    world.phone().require_passkey(Passkeys::default()).unwrap();
    forget(world.scan().await);
    let options = world.asked().await;
    let expired = Refusal::Passkey(CeremonyEnd::Expired);
    assert_eq!(world.refused().await, expired);
    let late = world.assertion(&options, &Forgery::default());
    let answered = world.session.answer_passkey(late, HandoffProof::Send).await;
    assert_eq!(answered, Err(PasskeyError::NotAsked));
    world.session.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_lost_in_a_ceremony_is_reported_and_the_next_one_links() {
    let (mut world, scan, _) = comparing().await;
    world.sim.fault(Fault::Drop).await;
    let lost = Refusal::Passkey(CeremonyEnd::Lost);
    assert_eq!(world.refused().await, lost);
    assert_eq!(world.ended().await, Loss::Connection);
    scan.await.unwrap().unwrap_err();
    world.phone().forget_passkey();
    let scan = world.scan().await;
    world.linked().await;
    scan.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_session_without_a_ceremony_takes_no_answer() {
    let mut world = World::new().await;
    world.qr().await;
    assert_eq!(
        world.session.confirm_passkey().await,
        Err(PasskeyError::NotAsked)
    );
    world.session.close().await;
    assert_eq!(world.ended().await, Loss::Connection);
}

//! The state machine of one pairing: which frames to show and which steps to take. Pure.

use std::time::{Duration, SystemTime};

use openclaw_types::{DeviceName, Phone};
use openclaw_whatsapp::session::{CeremonyEnd, Loss, Refusal, Report, Secret};

use crate::link::{Frame, Method, PairFailure, PairRequest, PasskeyDenied, Qr};

/// After this many failed connection attempts in a row, the client is notified.
const UNREACHABLE_AFTER_ATTEMPTS: u32 = 3;
/// How many wrong codes a person may type.
const CODE_ATTEMPTS: u32 = 3;
/// How long the login may take after the phone has accepted.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(60);

/// A pairing in progress.
#[derive(Debug)]
pub(super) struct Pairing {
    method: Method,
    device: DeviceName,
    deadline: SystemTime,
    ordinal: u32,
    unreachable: u32,
    /// When the current code expires.
    code_until: Option<SystemTime>,
    ceremony: Option<Ceremony>,
    /// The phone may show this device on the connection that there is now.
    signed: bool,
    accepted: Option<Phone>,
}

/// A passkey ceremony. It cannot be continued on another connection, because its keys belong to this one.
#[derive(Debug)]
struct Ceremony {
    expires_at: SystemTime,
    /// The code to compare with the phone's, if there is one.
    code: Option<Secret>,
    attempts_left: u32,
}

/// The next step.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing.
    Stay,
    /// Send this frame and continue.
    Show(Frame),
    /// Request another code to type.
    AskForCode(Phone),
    /// Reconnect after a delay: for new codes, or for the login after the phone has accepted.
    Reconnect(Duration),
    /// Send this frame; the pairing is over.
    Finish(Frame),
}

impl Pairing {
    pub(super) fn new(request: &PairRequest, device: DeviceName, now: SystemTime) -> Self {
        Self {
            method: request.method.clone(),
            device,
            deadline: now + request.timeout,
            ordinal: 0,
            unreachable: 0,
            code_until: None,
            ceremony: None,
            signed: false,
            accepted: None,
        }
    }

    pub(super) fn method(&self) -> &Method {
        &self.method
    }

    /// When [`Pairing::tick`] is due.
    pub(super) fn wake_at(&self) -> SystemTime {
        self.code_until
            .map_or(self.deadline, |spent| spent.min(self.deadline))
    }

    /// True if the phone has accepted, and the credentials are stored.
    pub(super) fn is_accepted(&self) -> bool {
        self.accepted.is_some()
    }

    /// True if the phone may show this device: then the pairing completes, whether or not a client watches.
    pub(super) fn outlives_its_client(&self) -> bool {
        self.signed || self.is_accepted()
    }

    pub(super) fn on(&mut self, report: Report, now: SystemTime) -> Step {
        match report {
            Report::Qr { payload, valid } => self.show_qr(payload, now + valid),
            Report::PhoneCode { code, valid } => {
                self.code_until = Some(now + valid);
                let expires_at = (now + valid).min(self.deadline);
                Step::Show(Frame::PhoneCode { code, expires_at })
            }
            Report::PhoneCodeSpent => self.ask_for_code(),
            Report::PasskeyRequest { options, valid } => self.begin_ceremony(options, now + valid),
            Report::PasskeyConfirmation(code) => self.show_confirmation(code),
            Report::Signed => {
                self.signed = true;
                self.code_until = None;
                self.deadline = now + LOGIN_TIMEOUT;
                Step::Stay
            }
            Report::Accepted { phone, lid: _ } => {
                self.accepted = Some(phone);
                self.code_until = None;
                self.deadline = now + LOGIN_TIMEOUT;
                Step::Show(Frame::Scanned)
            }
            Report::PairingRefused(refusal) => fail(match refusal {
                Refusal::Server | Refusal::Storage => PairFailure::Refused,
                Refusal::Verification => PairFailure::Verification,
                Refusal::Passkey(end) => passkey_failure(end),
            }),
            Report::LoggedIn => match self.accepted.clone() {
                Some(phone) => Step::Finish(Frame::Linked {
                    phone,
                    device: self.device.clone(),
                }),
                None => Step::Stay,
            },
            // `Silent` is followed by the end of the connection, and the others concern any link.
            Report::Silent | Report::Expires(_) | Report::Restriction(_) => Step::Stay,
            Report::Ended(loss) => self.lost(loss),
        }
    }

    /// Handles the passage of time.
    pub(super) fn tick(&mut self, now: SystemTime) -> Step {
        if now < self.wake_at() {
            Step::Stay
        } else if now < self.deadline {
            self.ask_for_code()
        } else if self.accepted.is_some() {
            fail(PairFailure::NotConnected)
        } else if self.ceremony.is_some() {
            fail(PairFailure::PasskeyUnanswered)
        } else {
            fail(PairFailure::Deadline)
        }
    }

    /// Whether the phone shows the same code as this pairing.
    pub(super) fn compare(&mut self, typed: &Secret) -> Result<(), PasskeyDenied> {
        let ceremony = self.ceremony.as_mut();
        let ceremony = ceremony.filter(|_| self.accepted.is_none());
        let shown = ceremony.and_then(|ceremony| {
            let code = ceremony.code.as_ref()?;
            Some((letters(code), &mut ceremony.attempts_left))
        });
        let (code, attempts_left) = shown.ok_or(PasskeyDenied::CodeNotShown)?;
        if letters(typed) == code {
            return Ok(());
        }
        *attempts_left = attempts_left.saturating_sub(1);
        let attempts_left = *attempts_left;
        Err(PasskeyDenied::OtherCode { attempts_left })
    }

    /// The pairing lasts at least as long as the ceremony, which WhatsApp limits.
    fn begin_ceremony(&mut self, options: Secret, expires_at: SystemTime) -> Step {
        self.code_until = None;
        self.deadline = expires_at;
        self.ceremony = Some(Ceremony {
            expires_at,
            code: None,
            attempts_left: CODE_ATTEMPTS,
        });
        Step::Show(Frame::PasskeyRequest {
            options,
            expires_at,
        })
    }

    fn show_confirmation(&mut self, code: Secret) -> Step {
        let Some(ceremony) = &mut self.ceremony else {
            return Step::Stay;
        };
        ceremony.code = Some(code.clone());
        let expires_at = ceremony.expires_at;
        Step::Show(Frame::PasskeyConfirmation { code, expires_at })
    }

    fn show_qr(&mut self, payload: Secret, expires_at: SystemTime) -> Step {
        if self.method != Method::Qr || self.ceremony.is_some() || self.accepted.is_some() {
            return Step::Stay;
        }
        self.unreachable = 0;
        self.ordinal += 1;
        match Qr::draw(payload.0, expires_at.min(self.deadline), self.ordinal) {
            Ok(qr) => Step::Show(Frame::Qr(Box::new(qr))),
            Err(_) => fail(PairFailure::Refused),
        }
    }

    fn ask_for_code(&mut self) -> Step {
        self.code_until = None;
        let is_over = self.ceremony.is_some() || self.accepted.is_some();
        match &self.method {
            Method::PhoneCode(phone) if !is_over => Step::AskForCode(phone.clone()),
            _ => Step::Stay,
        }
    }

    fn lost(&mut self, loss: Loss) -> Step {
        // The code on the screen and the signature belonged to that connection.
        self.code_until = None;
        self.signed = false;
        if self.ceremony.is_some() && self.accepted.is_none() {
            return fail(PairFailure::PasskeyInterrupted);
        }
        match loss {
            Loss::Restart | Loss::CodesExhausted => Step::Reconnect(Duration::ZERO),
            Loss::Connection | Loss::Superseded => Step::Reconnect(Duration::from_secs(1)),
            Loss::Unreachable => {
                self.unreachable += 1;
                if self.unreachable < UNREACHABLE_AFTER_ATTEMPTS || self.accepted.is_some() {
                    Step::Reconnect(Duration::from_secs(1))
                } else {
                    fail(PairFailure::Unreachable)
                }
            }
            Loss::Refused(500 | 503) => Step::Reconnect(Duration::from_secs(2)),
            Loss::Refused(_) | Loss::LoggedOut(_) | Loss::Replaced => fail(PairFailure::Refused),
            Loss::Banned { .. } => fail(PairFailure::Banned),
            Loss::Outdated(_) => fail(PairFailure::Outdated),
        }
    }
}

/// The letters and digits of a code, as the phone writes them.
fn letters(code: &Secret) -> Secret {
    let letters = code.0.chars().filter(char::is_ascii_alphanumeric);
    Secret(letters.map(|c| c.to_ascii_uppercase()).collect())
}

const fn passkey_failure(end: CeremonyEnd) -> PairFailure {
    match end {
        CeremonyEnd::Expired => PairFailure::PasskeyUnanswered,
        CeremonyEnd::AssertionRefused(_) | CeremonyEnd::Unreadable => PairFailure::PasskeyRefused,
        CeremonyEnd::Declined(_) => PairFailure::PasskeyDeclined,
        CeremonyEnd::Lost => PairFailure::PasskeyInterrupted,
    }
}

fn fail(failure: PairFailure) -> Step {
    Step::Finish(Frame::Failed(failure))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn pairing(method: Method) -> Pairing {
        let request = PairRequest {
            method,
            replace: false,
            device_name: None,
            timeout: Duration::from_secs(300),
        };
        Pairing::new(&request, DeviceName::default(), at(0))
    }

    fn qr() -> Report {
        Report::Qr {
            payload: Secret("2@r,n,i,a,1".into()),
            valid: Duration::from_secs(20),
        }
    }

    fn accepted() -> Report {
        Report::Accepted {
            phone: phone(),
            lid: None,
        }
    }

    fn phone() -> Phone {
        "+15550100123".parse().unwrap()
    }

    #[test]
    fn codes_are_numbered_across_connections() {
        let mut pairing = pairing(Method::Qr);
        for ordinal in 1..=7 {
            let Step::Show(Frame::Qr(code)) = pairing.on(qr(), at(10)) else {
                panic!("no code")
            };
            assert_eq!((code.ordinal, code.expires_at), (ordinal, at(30)));
            if ordinal == 6 {
                let step = pairing.on(Report::Ended(Loss::CodesExhausted), at(10));
                assert_eq!(step, Step::Reconnect(Duration::ZERO));
            }
        }
    }

    #[test]
    fn a_code_expires_by_the_deadline_of_the_pairing() {
        let Step::Show(Frame::Qr(code)) = pairing(Method::Qr).on(qr(), at(290)) else {
            panic!("no code")
        };
        assert_eq!(code.expires_at, at(300));
    }

    #[test]
    fn linked_is_reported_only_after_acceptance_and_login() {
        let mut pairing = pairing(Method::Qr);
        assert_eq!(pairing.on(Report::LoggedIn, at(1)), Step::Stay);
        assert_eq!(pairing.on(accepted(), at(2)), Step::Show(Frame::Scanned));
        assert_eq!(
            pairing.on(Report::Ended(Loss::Restart), at(2)),
            Step::Reconnect(Duration::ZERO)
        );
        let linked = Step::Finish(Frame::Linked {
            phone: phone(),
            device: DeviceName::default(),
        });
        assert_eq!(pairing.on(Report::LoggedIn, at(3)), linked);
    }

    #[test]
    fn a_device_that_has_signed_is_linked_without_its_client() {
        let mut pairing = pairing(Method::Qr);
        pairing.on(qr(), at(1));
        assert!(!pairing.outlives_its_client());
        assert_eq!(pairing.on(Report::Signed, at(299)), Step::Stay);
        assert!(pairing.outlives_its_client());
        assert_eq!(pairing.tick(at(300)), Step::Stay);
        // The signature was not sent: other codes follow.
        pairing.on(Report::Ended(Loss::Connection), at(301));
        assert!(!pairing.outlives_its_client());
        pairing.on(Report::Signed, at(302));
        pairing.on(accepted(), at(303));
        pairing.on(Report::Ended(Loss::Restart), at(303));
        assert!(pairing.outlives_its_client());
    }

    #[test]
    fn the_failure_at_the_deadline_depends_on_the_stage() {
        assert_eq!(pairing(Method::Qr).tick(at(299)), Step::Stay);
        assert_eq!(
            pairing(Method::Qr).tick(at(300)),
            fail(PairFailure::Deadline)
        );
        let mut scanned = pairing(Method::Qr);
        scanned.on(accepted(), at(299));
        assert_eq!(scanned.tick(at(300)), Step::Stay);
        assert_eq!(scanned.tick(at(299 + 60)), fail(PairFailure::NotConnected));
    }

    #[test]
    fn no_network_is_reported_after_a_few_attempts_not_at_the_deadline() {
        let mut pairing = pairing(Method::Qr);
        let mut lost = || pairing.on(Report::Ended(Loss::Unreachable), at(1));
        assert!(matches!(lost(), Step::Reconnect(_)));
        assert!(matches!(lost(), Step::Reconnect(_)));
        assert_eq!(lost(), fail(PairFailure::Unreachable));
    }

    #[test]
    fn an_expired_code_is_replaced_until_the_deadline() {
        let mut pairing = pairing(Method::PhoneCode(phone()));
        let code = Secret("ABCD2345".into());
        let valid = Duration::from_secs(180);
        pairing.on(Report::PhoneCode { code, valid }, at(0));
        assert_eq!(pairing.wake_at(), at(180));
        assert_eq!(pairing.tick(at(179)), Step::Stay);
        assert_eq!(pairing.tick(at(180)), Step::AskForCode(phone()));
        assert_eq!(
            pairing.on(Report::PhoneCodeSpent, at(200)),
            Step::AskForCode(phone())
        );
        assert_eq!(pairing.tick(at(300)), fail(PairFailure::Deadline));
    }

    fn challenge() -> Report {
        Report::PasskeyRequest {
            options: Secret("{}".into()),
            valid: Duration::from_secs(600),
        }
    }

    #[test]
    fn a_ceremony_has_its_own_deadline_and_ends_the_codes() {
        let mut pairing = pairing(Method::Qr);
        pairing.on(qr(), at(100));
        let Step::Show(Frame::PasskeyRequest { expires_at, .. }) = pairing.on(challenge(), at(110))
        else {
            panic!("no challenge")
        };
        assert_eq!(expires_at, at(710));
        assert_eq!(pairing.on(qr(), at(120)), Step::Stay);
        assert_eq!(pairing.tick(at(709)), Step::Stay);
        assert_eq!(pairing.tick(at(710)), fail(PairFailure::PasskeyUnanswered));
    }

    #[test]
    fn a_ceremony_requests_no_other_code_to_type() {
        let mut pairing = pairing(Method::PhoneCode(phone()));
        let code = Secret("ABCD2345".into());
        let valid = Duration::from_secs(180);
        pairing.on(Report::PhoneCode { code, valid }, at(0));
        pairing.on(challenge(), at(10));
        assert_eq!(pairing.tick(at(200)), Step::Stay);
        assert_eq!(pairing.on(Report::PhoneCodeSpent, at(200)), Step::Stay);
    }

    #[test]
    fn a_ceremony_ends_with_its_connection_until_the_phone_accepts() {
        let mut interrupted = pairing(Method::Qr);
        interrupted.on(challenge(), at(0));
        let lost = || Report::Ended(Loss::Connection);
        assert_eq!(
            interrupted.on(lost(), at(1)),
            fail(PairFailure::PasskeyInterrupted)
        );
        let mut complete = pairing(Method::Qr);
        complete.on(challenge(), at(0));
        complete.on(accepted(), at(1));
        assert!(matches!(complete.on(lost(), at(2)), Step::Reconnect(_)));
    }

    #[test]
    fn a_code_is_compared_by_its_letters_and_three_times_at_most() {
        let mut pairing = pairing(Method::Qr);
        let typed = |code: &str| Secret(code.into());
        assert_eq!(
            pairing.compare(&typed("ABCD-2345")),
            Err(PasskeyDenied::CodeNotShown)
        );
        pairing.on(challenge(), at(0));
        pairing.on(Report::PasskeyConfirmation(typed("ABCD-2345")), at(1));
        for same in ["ABCD-2345", "abcd2345", " ABCD 2345\n"] {
            assert_eq!(pairing.compare(&typed(same)), Ok(()), "{same}");
        }
        for (other, attempts_left) in [("", 2), ("ABCD-2346", 1), ("ABCD-23455", 0), ("X", 0)] {
            assert_eq!(
                pairing.compare(&typed(other)),
                Err(PasskeyDenied::OtherCode { attempts_left }),
                "{other}"
            );
        }
    }

    #[test]
    fn an_operator_who_types_a_code_sees_no_qr() {
        assert_eq!(
            pairing(Method::PhoneCode(phone())).on(qr(), at(1)),
            Step::Stay
        );
    }
}

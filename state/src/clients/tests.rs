//! Tests of the client registry.

mod pinned;
mod send_to;
mod time;

use super::*;
use crate::vault::trial::Volume;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn key(number: u8) -> Fingerprint {
    Fingerprint::from_bytes([number; 32])
}

fn of(volume: &Volume) -> Clients {
    Clients::open(volume.vault.clone())
}

async fn enroll(
    clients: &Clients,
    code: &Code,
    client: u8,
    name: &str,
    now: SystemTime,
) -> Result<(String, Role), Refusal> {
    let request = EnrollRequest {
        code: code.id(),
        client: key(client),
        name,
    };
    let proves = |kept: &Code| kept.id() == code.id();
    let enrolled = clients.enroll(request, proves, now).await?;
    Ok((enrolled.name, enrolled.role))
}

async fn invite(clients: &Clients, role: Role, now: SystemTime) -> Code {
    clients.invite(role, None, None, now).await.unwrap().0
}

#[tokio::test]
async fn a_code_is_single_use() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    let enrolled = enroll(&clients, &code, 1, "a", now()).await;
    assert_eq!(enrolled, Ok(("a".to_owned(), Role::Reader)));
    assert_eq!(
        enroll(&clients, &code, 2, "b", now()).await,
        Err(Refusal::Used)
    );
    volume.reopen();
    let clients = of(&volume);
    assert!(clients.is_known(&key(1)) && !clients.is_known(&key(2)));
    assert_eq!(
        enroll(&clients, &code, 2, "b", now()).await,
        Err(Refusal::Used)
    );
}

#[tokio::test]
async fn a_client_whose_answer_was_lost_gets_it_again_while_the_code_is_valid() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    volume.reopen();
    let clients = of(&volume);
    assert!(clients.has_open_code(now()));
    assert!(clients.invitations(now()).is_empty());
    let mut pass = clients.authorize(key(1), now()).ok().unwrap();
    let cut = pass.severed();
    let again = enroll(&clients, &code, 1, "other", now()).await;
    assert_eq!(again, Ok(("a".to_owned(), Role::Reader)));
    assert!(
        futures::FutureExt::now_or_never(cut).is_none(),
        "nothing is cut"
    );
    let late = enroll(&clients, &code, 1, "a", now() + CODE_LIFETIME).await;
    assert_eq!(late, Err(Refusal::Used));
    drop(clients.revoke("a", None).await.unwrap());
    assert_eq!(
        enroll(&clients, &code, 1, "a", now()).await,
        Err(Refusal::Used)
    );
}

#[tokio::test]
async fn an_answer_lost_with_the_process_is_repeated_after_the_next_start() {
    let mut volume = Volume::new();
    let Ok(Opening::Made(code)) = of(&volume).opening(None, now()).await else {
        panic!("no one is enrolled yet");
    };
    enroll(&of(&volume), &code, 1, "a", now()).await.unwrap();
    volume.reopen();
    let clients = of(&volume);
    let opening = clients.opening(None, now()).await;
    assert!(matches!(opening, Ok(Opening::None)));
    let again = enroll(&clients, &code, 1, "a", now()).await;
    assert_eq!(again, Ok(("a".to_owned(), Role::Admin)));
    assert_eq!(
        enroll(&clients, &code, 2, "b", now()).await,
        Err(Refusal::Used)
    );
}

#[tokio::test]
async fn if_two_clients_race_for_a_code_one_is_enrolled() {
    let volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    let (one, other) = tokio::join!(
        enroll(&clients, &code, 1, "a", now()),
        enroll(&clients, &code, 2, "b", now()),
    );
    assert_eq!(
        [one.is_ok(), other.is_ok()]
            .iter()
            .filter(|it| **it)
            .count(),
        1
    );
    assert_eq!(clients.list(now()).len(), 1);
}

#[tokio::test]
async fn a_code_expires_even_if_the_clock_is_set_back() {
    let volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    for late in [now() + CODE_LIFETIME, now() - Duration::from_secs(60)] {
        assert_eq!(
            enroll(&clients, &code, 1, "a", late).await,
            Err(Refusal::Expired)
        );
        assert!(!clients.has_open_code(late));
    }
    let last = now() + CODE_LIFETIME - Duration::from_millis(1);
    assert!(enroll(&clients, &code, 1, "a", last).await.is_ok());
}

#[tokio::test]
async fn a_client_without_the_code_is_refused_and_the_code_stays_valid() {
    let volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Admin, now()).await;
    let request = EnrollRequest {
        code: code.id(),
        client: key(1),
        name: "middle",
    };
    let refused = clients.enroll(request, |_| false, now()).await;
    assert_eq!(refused.err(), Some(Refusal::Unknown));
    assert!(enroll(&clients, &code, 2, "a", now()).await.is_ok());
}

#[tokio::test]
async fn client_names_are_unique_and_an_invitation_can_set_the_name() {
    let volume = Volume::new();
    let clients = of(&volume);
    let first = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &first, 1, "a", now()).await.unwrap();
    let second = invite(&clients, Role::Reader, now()).await;
    assert_eq!(
        enroll(&clients, &second, 2, "a", now()).await,
        Err(Refusal::NameTaken)
    );
    assert!(enroll(&clients, &second, 2, "b", now()).await.is_ok());
    let taken = clients
        .invite(Role::Reader, Some("a".to_owned()), None, now())
        .await;
    assert!(matches!(taken, Err(ClientDenied::NameTaken)));
    let named = clients
        .invite(Role::Reader, Some("c".to_owned()), None, now())
        .await;
    let enrolled = enroll(&clients, &named.unwrap().0, 3, "else", now()).await;
    assert_eq!(enrolled, Ok(("c".to_owned(), Role::Reader)));
}

#[tokio::test]
async fn enrolling_again_changes_the_role_and_cuts_old_connections() {
    let volume = Volume::new();
    let clients = of(&volume);
    let first = invite(&clients, Role::Admin, now()).await;
    enroll(&clients, &first, 1, "a", now()).await.unwrap();
    let mut pass = clients.authorize(key(1), now()).ok().unwrap();
    let severed = pass.severed();
    let second = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &second, 1, "a", now()).await.unwrap();
    severed.await;
    assert_eq!(
        clients.authorize(key(1), now()).ok().unwrap().role,
        Role::Reader
    );
    assert_eq!(clients.list(now()).len(), 1);
}

#[tokio::test]
async fn a_revoked_client_is_unknown_and_cut_permanently() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    let mut pass = clients.authorize(key(1), now()).ok().unwrap();
    let cut = pass.severed();
    let (revoked, severed) = clients.revoke("a", None).await.unwrap();
    assert_eq!(revoked.fingerprint, key(1));
    assert!(!clients.is_known(&key(1)));
    assert_eq!(
        clients.authorize(key(1), now()).err(),
        Some(NotAuthorized::Unknown)
    );
    drop(severed);
    cut.await;
    drop(pass);
    volume.reopen();
    assert!(!of(&volume).is_known(&key(1)));
}

#[tokio::test]
async fn a_name_like_a_fingerprint_is_not_mistaken_for_one() {
    let volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    let code = invite(&clients, Role::Reader, now()).await;
    let name = key(1).to_string();
    enroll(&clients, &code, 2, &name, now()).await.unwrap();
    let (revoked, _severed) = clients.revoke(&name, None).await.unwrap();
    assert_eq!(revoked.fingerprint, key(1));
}

#[tokio::test]
async fn the_number_of_connections_per_client_is_limited() {
    let volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    let mut passes: Vec<_> = (0..MAX_CONNECTIONS_PER_CLIENT)
        .map(|_| clients.authorize(key(1), now()).ok().unwrap())
        .collect();
    assert_eq!(
        clients.authorize(key(1), now()).err(),
        Some(NotAuthorized::TooMany)
    );
    assert_eq!(
        clients.list(now())[0].connections,
        MAX_CONNECTIONS_PER_CLIENT
    );
    passes.pop();
    assert!(clients.authorize(key(1), now()).is_ok());
}

#[tokio::test]
async fn the_first_code_is_new_at_each_start_until_a_client_is_enrolled() {
    let mut volume = Volume::new();
    let Ok(Opening::Made(first)) = of(&volume).opening(None, now()).await else {
        panic!("no code");
    };
    volume.reopen();
    let clients = of(&volume);
    let Ok(Opening::Made(second)) = clients.opening(None, now()).await else {
        panic!("no code");
    };
    assert_eq!(
        enroll(&clients, &first, 1, "a", now()).await,
        Err(Refusal::Unknown)
    );
    let enrolled = enroll(&clients, &second, 1, "a", now()).await;
    assert_eq!(enrolled, Ok(("a".to_owned(), Role::Admin)));
    volume.reopen();
    let opening = of(&volume).opening(None, now()).await;
    assert!(matches!(opening, Ok(Opening::None)));
}

#[tokio::test]
async fn a_restart_neither_renews_nor_revives_the_code_of_the_environment() {
    let mut volume = Volume::new();
    let code = Code::generate().unwrap();
    let opening = of(&volume).opening(Some(&code), now()).await;
    assert!(matches!(opening, Ok(Opening::Given(CODE_LIFETIME))));
    volume.reopen();
    let later = now() + Duration::from_secs(14 * 60);
    let opening = of(&volume).opening(Some(&code), later).await;
    let Ok(Opening::Given(rest)) = opening else {
        panic!("{opening:?}");
    };
    assert_eq!(rest, Duration::from_secs(60));
    let over = of(&volume)
        .opening(Some(&code), now() + CODE_LIFETIME)
        .await;
    assert!(matches!(over, Ok(Opening::Expired)));

    let clients = of(&volume);
    enroll(&clients, &code, 1, "a", later).await.unwrap();
    drop(clients.revoke("a", None).await.unwrap());
    volume.reopen();
    for at in [later, now() + Duration::from_secs(400 * 86_400)] {
        let used = of(&volume).opening(Some(&code), at).await;
        assert!(matches!(used, Ok(Opening::Used)), "{used:?}");
        // Later codes do not displace it.
        invite(&of(&volume), Role::Reader, at).await;
    }
    // Another code enrolls a client even if there are clients: this is how an operator who lost a laptop gets back
    // in.
    let another = Code::generate().unwrap();
    let opening = of(&volume).opening(Some(&another), later).await;
    assert!(matches!(opening, Ok(Opening::Given(CODE_LIFETIME))));
}

#[tokio::test]
async fn the_numbers_of_codes_and_clients_are_limited() {
    let volume = Volume::new();
    let clients = of(&volume);
    let mut codes = Vec::new();
    for _ in 0..MAX_OPEN_CODES {
        codes.push(invite(&clients, Role::Reader, now()).await);
    }
    let denied = clients.invite(Role::Reader, None, None, now()).await;
    assert!(matches!(denied, Err(ClientDenied::TooManyCodes)));
    let last = codes.pop().unwrap();
    for number in 0..u8::try_from(MAX_CLIENTS).unwrap() {
        let code = match codes.pop() {
            Some(code) => code,
            None => invite(&clients, Role::Reader, now()).await,
        };
        let name = number.to_string();
        enroll(&clients, &code, number, &name, now()).await.unwrap();
    }
    assert_eq!(
        enroll(&clients, &last, 200, "more", now()).await,
        Err(Refusal::Full)
    );
    let denied = clients.invite(Role::Reader, None, None, now()).await;
    assert!(matches!(denied, Err(ClientDenied::Full)));
}

#[tokio::test]
async fn last_seen_times_are_saved_periodically() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let code = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &code, 1, "a", now()).await.unwrap();
    assert_eq!(clients.list(now())[0].last_seen, None);
    let pass = clients.authorize(key(1), now()).ok().unwrap();
    clients.keep_seen(now());
    let later = now() + Duration::from_secs(299);
    clients.keep_seen(later);
    assert_eq!(clients.list(later)[0].last_seen, Some(later));
    // Simulates a kill.
    std::mem::forget(pass);
    volume.reopen();
    assert_eq!(of(&volume).list(later)[0].last_seen, Some(now()));
}

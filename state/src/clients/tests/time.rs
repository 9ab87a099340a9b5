//! A code is never good for longer than it was made for, whatever a clock says.

use super::*;

#[tokio::test]
async fn no_open_code_outlives_a_start_that_does_not_know_how_long_it_was_away() {
    let mut volume = Volume::new();
    let clients = of(&volume);
    let used = invite(&clients, Role::Reader, now()).await;
    enroll(&clients, &used, 1, "a", now()).await.unwrap();
    let open = invite(&clients, Role::Admin, now()).await;
    let given = Code::generate().unwrap();
    clients.opening(Some(&given), now()).await.unwrap();
    volume.reopen();
    let clients = of(&volume);
    clients.expire_codes(now());
    assert!(clients.invitations(now()).is_empty());
    for code in [&open, &given] {
        let refused = enroll(&clients, code, 2, "b", now()).await;
        assert_eq!(refused, Err(Refusal::Expired));
    }
    let opening = clients.opening(Some(&given), now()).await.unwrap();
    assert!(matches!(opening, Opening::Expired), "{opening:?}");
    assert!(clients.is_known(&key(1)), "clients stay");
}

//! A code is never valid for longer than its lifetime, whatever the clock says.

use super::*;

#[tokio::test]
async fn open_codes_expire_at_a_start_after_an_unknown_downtime() {
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

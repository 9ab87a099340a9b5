//! Changes of groups, and the people who are notified.

use super::change::{self, Denied};
use super::joining::{self, Joined};
use super::*;
use crate::state::config::Config;
use crate::state::group::Change;

fn number(text: &str) -> Number {
    text.parse().expect("a number")
}

struct Bench {
    shared: Shared,
    group: String,
    admin: Number,
    member: Number,
    stranger: Number,
}

impl Bench {
    fn new() -> Self {
        let shared = Shared::new(Config::default());
        let [admin, member, stranger] =
            ["+15550100001", "+15550100002", "+15550100003"].map(number);
        let group = make(
            &shared,
            &admin,
            Draft::new("Mole", std::slice::from_ref(&member)),
        );
        Self {
            shared,
            group,
            admin,
            member,
            stranger,
        }
    }

    fn apply(&self, actor: &Number, change: &Change) -> Result<(), Denied> {
        change::apply(&self.shared, &self.group, actor, change)
    }

    fn with<T>(&self, read: impl FnOnce(&Group) -> T) -> T {
        read(&lock(&self.shared.state).groups[&self.group])
    }
}

#[test]
fn members_may_rename_and_add_and_only_admins_do_the_rest() {
    let bench = Bench::new();
    let others = [
        Change::Remove(vec![bench.admin.clone()]),
        Change::Promote(vec![bench.member.clone()]),
        Change::Demote(vec![bench.admin.clone()]),
        Change::Announcement(true),
        Change::Locked(true),
        Change::Approval(true),
        Change::MemberAdd(false),
        Change::reset_invite(),
    ];
    for change in others {
        let denied = bench.apply(&bench.member, &change);
        assert_eq!(denied, Err(Denied::NOT_ALLOWED), "{change:?}");
    }
    bench
        .apply(&bench.member, &Change::Subject("Quay".into()))
        .expect("any member may");
    bench
        .apply(&bench.member, &Change::Add(vec![bench.stranger.clone()]))
        .expect("any member may");
    assert!(bench.with(|group| group.has(&bench.stranger)));
    assert_eq!(bench.with(|group| group.subject.text.clone()), "Quay");
    bench
        .apply(&bench.admin, &Change::MemberAdd(false))
        .expect("an admin");
    let add = Change::Add(vec![number("+15550100004")]);
    assert_eq!(bench.apply(&bench.member, &add), Err(Denied::NOT_ALLOWED));
    bench
        .apply(&bench.admin, &Change::Locked(true))
        .expect("an admin");
    let denied = bench.apply(&bench.member, &Change::Subject("Pier".into()));
    assert_eq!(denied, Err(Denied::NOT_ALLOWED));
}

#[test]
fn a_former_member_cannot_change_a_group_and_the_group_keeps_an_admin() {
    let bench = Bench::new();
    bench.apply(&bench.admin, &Change::Leave).expect("a member");
    assert!(bench.with(|group| group.admins.contains(&bench.member)));
    let denied = bench.apply(&bench.admin, &Change::Subject("Pier".into()));
    assert_eq!(denied, Err(Denied::NOT_ALLOWED));
    let denied = bench.apply(&bench.stranger, &Change::Leave);
    assert_eq!(denied, Err(Denied::NOT_ALLOWED));
}

#[test]
fn an_invite_link_works_immediately_or_after_approval_until_it_is_reset() {
    let bench = Bench::new();
    let code = || bench.with(|group| group.invite.clone());
    bench
        .apply(&bench.admin, &Change::Approval(true))
        .expect("an admin");
    let asked = joining::join(&bench.shared, &bench.stranger, &code());
    assert!(matches!(asked, Ok(Joined::Requested(_))));
    let people = [bench.stranger.clone()];
    let decide =
        |actor, approve| joining::decide(&bench.shared, &bench.group, actor, &people, approve);
    assert_eq!(decide(&bench.member, true), Err(Denied::NOT_ALLOWED));
    assert_eq!(decide(&bench.admin, true), Ok(()));
    assert!(bench.with(|group| group.has(&bench.stranger) && group.requests.is_empty()));
    let old = code();
    bench
        .apply(&bench.admin, &Change::reset_invite())
        .expect("an admin");
    let other = number("+15550100004");
    assert!(matches!(
        joining::join(&bench.shared, &other, &old),
        Err(Denied(406))
    ));
    bench
        .apply(&bench.admin, &Change::Approval(false))
        .expect("an admin");
    let joined = joining::join(&bench.shared, &other, &code());
    assert!(matches!(joined, Ok(Joined::Member(_))));
    assert!(bench.with(|group| group.has(&other)));
}

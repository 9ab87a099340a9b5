//! Groups that others change: the agent sends to the current members, and reports why it cannot send. `service` has the
//! service Groups, `changes` the events.

mod changes;
mod service;

use openclaw_proto::v1::LinkState;
use openclaw_sim::{GroupChange, Number, Received, Violation};

use crate::harness::{ANNA, BERT, TEST_TIMEOUT, WORD, World, fact, reason};

const CARLA: &str = "+15550100004";

fn numbers(numbers: &[&str]) -> Vec<Number> {
    numbers.iter().map(|it| it.parse().unwrap()).collect()
}

impl World {
    /// A group of the account whose members have received a message.
    async fn group_in_use(&self, members: &[&str]) -> String {
        let group = self.phone().create_group(WORD, members).await.unwrap();
        let first = format!("{WORD} one");
        self.send(&group, &first).await.unwrap();
        self.all_receive(members, &first).await;
        group
    }

    async fn all_receive(&self, members: &[&str], text: &str) {
        let fits = |received: &Received| received.text.as_deref() == Some(text);
        for member in members {
            let received = self.peer(member).wait_for(fits, TEST_TIMEOUT).await;
            received.unwrap_or_else(|error| panic!("{member} has not got {text:?}: {error}"));
        }
    }

    fn has_received(&self, number: &str, text: &str) -> bool {
        let mut inbox = self.peer(number).inbox().into_iter();
        inbox.any(|received| received.text.as_deref() == Some(text))
    }
}

/// The rule that is broken when the notification comes too late: the server then refuses the message.
fn only(violations: &[Violation], rule: &str) {
    assert!(
        violations.iter().all(|it| it.rule == rule),
        "{violations:#?}"
    );
}

#[tokio::test]
async fn a_removed_member_gets_no_more_messages_and_a_new_one_gets_all() {
    let world = World::linked().await;
    let phone = world.phone();
    let group = world.group_in_use(&[ANNA, BERT]).await;
    let bert = GroupChange::Remove(numbers(&[BERT]));
    phone.change_group(&group, &bert).unwrap();
    let carla = GroupChange::Add(numbers(&[CARLA]));
    phone.change_group(&group, &carla).unwrap();
    world.all_acked().await;
    let second = format!("{WORD} two");
    world.send(&group, &second).await.unwrap();
    world.all_receive(&[ANNA, CARLA], &second).await;
    assert!(!world.has_received(BERT, &second));
    world.finish().await;
}

#[tokio::test]
async fn a_group_that_changed_while_the_agent_was_offline_gets_messages_for_its_current_members() {
    let mut world = World::linked().await;
    let url = world.sim.url();
    let phone = world.phone();
    let group = world.group_in_use(&[ANNA, BERT]).await;
    world.agent.kill().await;
    for change in [
        GroupChange::Subject(format!("{WORD} again")),
        GroupChange::Remove(numbers(&[BERT])),
        GroupChange::Add(numbers(&[CARLA])),
    ] {
        phone.change_group(&group, &change).unwrap();
    }
    world.agent.start_again(&url).await;
    world.agent.until_state(LinkState::Connected).await;
    world.all_acked().await;
    let second = format!("{WORD} two");
    world.send(&group, &second).await.unwrap();
    world.all_receive(&[ANNA, CARLA], &second).await;
    assert!(!world.has_received(BERT, &second));
    world.finish().await;
}

#[tokio::test]
async fn a_message_to_a_group_without_the_account_fails_with_a_reason() {
    let world = World::linked().await;
    let phone = world.phone();
    let group = phone.create_group(WORD, &[ANNA]).await.unwrap();
    world.send(&group, &format!("{WORD} one")).await.unwrap();
    phone.change_group(&group, &GroupChange::Leave).unwrap();
    world.all_acked().await;
    let refused = world.send(&group, &format!("{WORD} two")).await;
    let refused = refused.unwrap_err();
    assert_eq!(reason(&refused), "NOT_SENT", "{refused:?}");
    assert_eq!(fact(&refused, "code").as_deref(), Some("403"));
    only(
        &world.finish_with_violations().await,
        "only members write to a group",
    );
}

#[tokio::test]
async fn a_message_to_an_announcement_group_fails_with_a_reason() {
    let world = World::linked().await;
    let anna = world.sim.phone(ANNA).unwrap();
    let account = crate::harness::ACCOUNT;
    let group = anna.create_group(WORD, &[account]).await.unwrap();
    world.send(&group, &format!("{WORD} one")).await.unwrap();
    let announcement = GroupChange::Announcement(true);
    anna.change_group(&group, &announcement).unwrap();
    world.all_acked().await;
    let refused = world.send(&group, &format!("{WORD} two")).await;
    let refused = refused.unwrap_err();
    assert_eq!(fact(&refused, "code").as_deref(), Some("403"));
    only(
        &world.finish_with_violations().await,
        "only admins write to an announcement group",
    );
}

#[tokio::test]
async fn a_group_whose_addressing_mode_changed_is_queried_again() {
    let world = World::linked().await;
    let phone = world.phone();
    let group = phone.create_group(WORD, &[ANNA]).await.unwrap();
    world.send(&group, &format!("{WORD} one")).await.unwrap();
    phone
        .change_group(&group, &GroupChange::ByLid(false))
        .unwrap();
    let second = format!("{WORD} two");
    world.send(&group, &second).await.unwrap();
    world.all_receive(&[ANNA], &second).await;
    let times = world.peer(ANNA).inbox().into_iter();
    let times = times.filter(|received| received.text.as_deref() == Some(&*second));
    assert_eq!(times.count(), 1);
    only(
        &world.finish_with_violations().await,
        "a message has its group's addressing mode",
    );
}

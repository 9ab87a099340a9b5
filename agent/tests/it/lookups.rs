//! Lookups of numbers: what WhatsApp knows of them, and how many may be asked for.

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::contacts_client::ContactsClient;
use openclaw_sim::{Fault, IqError};
use tonic::{Code, Status};

use crate::harness::{ANNA, BERT, UNREGISTERED, World, fact, lid, refusal};

impl World {
    async fn look_up(&self, numbers: &[&str]) -> Result<Vec<pb::LookupResult>, Status> {
        let numbers = numbers.iter().map(|&number| number.to_owned()).collect();
        let mut contacts = ContactsClient::new(self.agent.channel());
        let answer = contacts.lookup(pb::LookupRequest { numbers }).await?;
        Ok(answer.into_inner().results)
    }
}

/// So many numbers that no other test has.
fn numbers(from: usize, count: usize) -> Vec<String> {
    let all = from..from + count;
    all.map(|n| format!("+1555010{n:04}")).collect()
}

#[tokio::test]
async fn numbers_are_on_whatsapp_or_not_and_a_business_or_not() {
    let world = World::linked().await;
    world.sim.unknown(UNREGISTERED).unwrap();
    let bert = world.sim.phone(BERT).unwrap();
    bert.set_business(Some("Ferry Building"));
    // Whatever its spelling.
    let found = world
        .look_up(&["+1 555 010-0002", BERT, UNREGISTERED, ANNA])
        .await
        .unwrap();
    let asked: Vec<_> = found.iter().map(|it| it.number.as_str()).collect();
    assert_eq!(asked, [ANNA, BERT, UNREGISTERED, ANNA]);
    let on_whatsapp: Vec<_> = found.iter().map(|it| it.on_whatsapp).collect();
    assert_eq!(on_whatsapp, [true, true, false, true]);
    let business: Vec<_> = found.iter().map(|it| it.business).collect();
    assert_eq!(business, [false, true, false, false]);
    let anna = found[0].contact.as_ref().unwrap();
    assert_eq!(
        (&*anna.phone, &anna.lid),
        (ANNA, &format!("{}@lid", lid(ANNA)))
    );
    assert_eq!(found[2].contact, None);
    assert!(world.peer(ANNA).inbox().is_empty(), "nothing is sent");
    world.finish().await;
}

#[tokio::test]
async fn a_hundred_numbers_an_hour_and_cached_ones_are_free() {
    let world = World::linked().await;
    for call in 0..5 {
        let numbers = numbers(1_000 + 20 * call, 20);
        let numbers: Vec<_> = numbers.iter().map(String::as_str).collect();
        assert_eq!(world.look_up(&numbers).await.unwrap().len(), 20);
    }
    let refused = world.look_up(&[ANNA]).await.unwrap_err();
    let expected = (Code::ResourceExhausted, "LOOKUP_LIMIT".to_owned());
    assert_eq!(refusal(&refused), expected);
    let retry_at: prost_types::Timestamp = fact(&refused, "retry_at").unwrap().parse().unwrap();
    assert!(retry_at.seconds > 0);
    let cached = numbers(1_000, 20);
    let cached: Vec<_> = cached.iter().map(String::as_str).collect();
    assert_eq!(world.look_up(&cached).await.unwrap().len(), 20);
    world.finish().await;
}

#[tokio::test]
async fn a_lookup_that_whatsapp_refuses_is_not_an_answer() {
    let world = World::linked().await;
    let error = IqError {
        xmlns: "usync".to_owned(),
        code: 503,
        count: 1_000,
    };
    world.fault(Fault::IqError(error)).await;
    let refused = world.look_up(&[ANNA]).await.unwrap_err();
    let expected = (Code::Unavailable, "NOT_CHECKED".to_owned());
    assert_eq!(refusal(&refused), expected);
    assert_eq!(fact(&refused, "code").as_deref(), Some("503"));
    world.fault(Fault::Clear).await;
    assert!(world.look_up(&[ANNA]).await.unwrap()[0].on_whatsapp);
    world.finish().await;
}

#[tokio::test]
async fn a_lookup_needs_a_connection() {
    let world = World::new().await;
    let refused = world.look_up(&[ANNA]).await.unwrap_err();
    let expected = (Code::FailedPrecondition, "NOT_LINKED".to_owned());
    assert_eq!(refusal(&refused), expected);
    world.finish().await;
}

//! Lists of a hundred thousand numbers: the cost for one message does not depend on the length of the list.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;

const MANY: usize = 100_000;

/// Counts its lookups.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl Book for Counted {
    fn number_of(&self, _: &Lid) -> Option<Phone> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn lid_of(&self, _: &Phone) -> Option<Lid> {
        self.0.fetch_add(1, Ordering::Relaxed);
        None
    }
}

fn number(n: usize) -> Phone {
    format!("+1555{n:07}").parse().unwrap()
}

fn written() -> String {
    let lines: Vec<_> = (0..MANY)
        .map(|n| format!("      - \"+1555{n:07}\"\n"))
        .collect();
    format!("channels:\n  whatsapp:\n    allowFrom:\n{}", lines.concat())
}

fn opened(vault: &Vault, text: &str, book: &Counted) -> Allowlist {
    let rules = crate::allow::file::read(text, &|_| Err(VarError::NotPresent)).unwrap();
    let loaded = Loaded {
        rules: Some(rules),
        from_file: true,
    };
    let source = Source::new(Some("/rules.yml".into()));
    Allowlist::open(source, loaded, vault.clone(), Box::new(book.clone()), at(0))
}

#[tokio::test]
async fn a_hundred_thousand_numbers_are_loaded_and_judged_without_a_scan() {
    let volume = Volume::new();
    let book = Counted::default();
    let allowlist = opened(&volume.vault, &written(), &book);
    let asked = || book.0.load(Ordering::Relaxed);
    assert_eq!(asked(), 0, "nothing is looked up at the start");
    assert_eq!(allowlist.summary(at(0)).unresolved, MANY);
    // WhatsApp is asked about this many numbers at a time, and about each number once.
    let mut rounds = 0;
    loop {
        let phones = allowlist.unresolved(at(0));
        if phones.is_empty() {
            break;
        }
        assert!(phones.len() <= numbers::MAX_ASKED);
        let answers = phones.into_iter().map(|phone| {
            let n: u64 = phone.digits().parse().unwrap();
            (phone, Some(lid(n)))
        });
        allowlist.learn(answers.collect(), at(0));
        rounds += 1;
    }
    assert_eq!(rounds, MANY / numbers::MAX_ASKED);
    for n in 0..2_000 {
        let known = u64::try_from(n).unwrap() + 15_550_000_000;
        assert_eq!(verdict(&allowlist, Some(number(n)), None, at(1)), "allow");
        assert_eq!(verdict(&allowlist, None, Some(lid(known)), at(1)), "allow");
        assert_eq!(
            verdict(&allowlist, None, Some(lid(n as u64)), at(1)),
            "not_listed"
        );
    }
    assert!(asked() <= 4 * 2_000, "{}", asked());
    assert_eq!(allowlist.state().numbers.looked_through, 0);
    // Answers expire once, however many messages arrive afterwards.
    for _ in 0..100 {
        assert_eq!(verdict(&allowlist, None, Some(lid(1)), at(30)), "hold");
    }
    assert_eq!(allowlist.state().numbers.looked_through, MANY);
}

#[tokio::test]
async fn unlisted_senders_take_bounded_memory() {
    let volume = Volume::new();
    let book = Counted::default();
    let text = "channels: {whatsapp: {allowFrom: [\"+15550100002\"]}}";
    let allowlist = opened(&volume.vault, text, &book);
    allowlist.learn(vec![(anna(), Some(lid(1)))], at(0));
    for n in 0..5_000 {
        let sender = number(n);
        assert_eq!(
            verdict(&allowlist, Some(sender.clone()), None, at(0)),
            "hold"
        );
        assert!(allowlist.unresolved(at(0)).contains(&sender));
        allowlist.learn(vec![(sender.clone(), None)], at(0));
        assert_eq!(verdict(&allowlist, Some(sender), None, at(0)), "not_listed");
    }
    assert!(allowlist.state().numbers.count_senders() <= 2_000);
    // Listed numbers are not affected.
    assert_eq!(verdict(&allowlist, None, Some(lid(1)), at(0)), "allow");
}

/// `cargo test --release -- --ignored --nocapture a_hundred_thousand_numbers_in_time`
#[tokio::test]
#[ignore = "measures, and asserts nothing"]
async fn a_hundred_thousand_numbers_in_time() {
    let volume = Volume::new();
    let text = written();
    let before = Instant::now();
    let allowlist = opened(&volume.vault, &text, &Counted::default());
    println!(
        "{MANY} entries, {} KiB: {:?}",
        text.len() >> 10,
        before.elapsed()
    );
    let before = Instant::now();
    for n in 0..MANY {
        assert_eq!(verdict(&allowlist, Some(number(n)), None, at(0)), "allow");
    }
    println!("{MANY} messages judged: {:?}", before.elapsed());
}

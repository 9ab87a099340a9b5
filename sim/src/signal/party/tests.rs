//! Messages between two or three parties, and what they refuse.

use wacore_libsignal::protocol::{ProtocolAddress, SignalProtocolError};

use super::*;

const GROUP: &str = "120363000000000001@g.us";

fn address(name: &str) -> ProtocolAddress {
    ProtocolAddress::new(name, 0.into())
}

fn text(text: &str) -> wa::Message {
    wa::Message {
        conversation: Some(text.into()),
        ..Default::default()
    }
}

/// Two parties, each with its address.
struct Pair {
    ann: Party,
    ann_at: ProtocolAddress,
    bob: Party,
    bob_at: ProtocolAddress,
}

impl Pair {
    fn new() -> Self {
        let (ann_at, bob_at) = (address("15550100001@c.us"), address("15550100002@c.us"));
        Self {
            ann: Party::new(),
            ann_at,
            bob: Party::new(),
            bob_at,
        }
    }

    async fn ann_sends(&mut self, what: &str) -> Enc {
        let bundle = self.bob.take_bundle();
        self.ann
            .encrypt(&self.bob_at, Some(&bundle), &text(what))
            .await
            .unwrap()
    }

    async fn bob_reads(&mut self, enc: &Enc) -> Result<String, Error> {
        Ok(self
            .bob
            .decrypt(&self.ann_at, enc)
            .await?
            .conversation
            .unwrap())
    }

    /// Exchanges one message in each direction, so that both sides send plain `msg` afterwards.
    async fn established() -> Self {
        let mut pair = Self::new();
        let first = pair.ann_sends("hello").await;
        assert_eq!(pair.bob_reads(&first).await.unwrap(), "hello");
        let answer = pair
            .bob
            .encrypt(&pair.ann_at, None, &text("hi"))
            .await
            .unwrap();
        assert_eq!(answer.kind, EncKind::Msg);
        assert_eq!(
            pair.ann.decrypt(&pair.bob_at, &answer).await.unwrap(),
            text("hi")
        );
        pair
    }
}

#[tokio::test]
async fn pkmsg_until_the_first_answer_then_msg_both_ways() {
    let mut pair = Pair::new();
    for what in ["one", "two"] {
        let enc = pair.ann_sends(what).await;
        assert_eq!(enc.kind, EncKind::Pkmsg);
        assert_eq!(pair.bob_reads(&enc).await.unwrap(), what);
    }
    let answer = pair
        .bob
        .encrypt(&pair.ann_at, None, &text("three"))
        .await
        .unwrap();
    assert_eq!(answer.kind, EncKind::Msg);
    assert_eq!(
        pair.ann.decrypt(&pair.bob_at, &answer).await.unwrap(),
        text("three")
    );
    let enc = pair.ann_sends("four").await;
    assert_eq!(enc.kind, EncKind::Msg);
    assert_eq!(pair.bob_reads(&enc).await.unwrap(), "four");
}

#[tokio::test]
async fn messages_may_arrive_out_of_order_but_only_once() {
    let mut pair = Pair::established().await;
    let mut sent = Vec::new();
    for what in ["a", "b", "c"] {
        sent.push((what, pair.ann_sends(what).await));
    }
    for (what, enc) in sent.iter().rev() {
        assert_eq!(pair.bob_reads(enc).await.unwrap(), *what);
    }
    assert!(pair.bob_reads(&sent[1].1).await.unwrap_err().is_duplicate());
}

#[tokio::test]
async fn a_repeated_pkmsg_is_a_duplicate_although_its_prekey_is_used() {
    let mut pair = Pair::new();
    let first = pair.ann_sends("hello").await;
    assert_eq!(pair.bob_reads(&first).await.unwrap(), "hello");
    let again = pair.bob_reads(&first).await.unwrap_err();
    assert!(again.is_duplicate(), "{again}");
}

#[tokio::test]
async fn one_flipped_bit_anywhere_is_refused() {
    let mut pair = Pair::established().await;
    let enc = pair.ann_sends("intact").await;
    for at in 0..enc.bytes.len() {
        let mut broken = enc.clone();
        broken.bytes[at] ^= 1;
        assert!(pair.bob_reads(&broken).await.is_err(), "byte {at}");
    }
    assert_eq!(pair.bob_reads(&enc).await.unwrap(), "intact");
}

#[tokio::test]
async fn a_one_time_prekey_starts_one_session_only() {
    let mut pair = Pair::new();
    let bundle = pair.bob.take_bundle();
    let enc = pair
        .ann
        .encrypt(&pair.bob_at, Some(&bundle), &text("first"))
        .await
        .unwrap();
    pair.bob_reads(&enc).await.unwrap();

    let mut eve = Party::new();
    let again = eve
        .encrypt(&pair.bob_at, Some(&bundle), &text("again"))
        .await
        .unwrap();
    let refused = pair
        .bob
        .decrypt(&address("15550100003@c.us"), &again)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, Error::Signal(SignalProtocolError::InvalidPreKeyId)),
        "{refused}"
    );
}

#[tokio::test]
async fn bundle_without_a_one_time_prekey_opens_a_session() {
    let mut pair = Pair::new();
    let bundle = Bundle {
        one_time: None,
        ..pair.bob.take_bundle()
    };
    let enc = pair
        .ann
        .encrypt(&pair.bob_at, Some(&bundle), &text("hello"))
        .await
        .unwrap();
    assert_eq!(pair.bob_reads(&enc).await.unwrap(), "hello");
}

#[tokio::test]
async fn bundle_with_a_foreign_signature_is_refused_by_sender() {
    let mut pair = Pair::new();
    let good = pair.bob.take_bundle();
    good.verify().unwrap();
    let mut flipped = good.clone();
    flipped.signed.signature[10] ^= 1;
    let replaced = Bundle {
        signed: Party::new().take_bundle().signed,
        ..good
    };
    for bad in [flipped, replaced] {
        let refused = pair
            .ann
            .encrypt(&pair.bob_at, Some(&bad), &text("no"))
            .await
            .unwrap_err();
        assert!(matches!(refused, Error::SignedPreKey(1)), "{refused}");
        assert!(!pair.ann.has_session(&pair.bob_at));
    }
}

#[tokio::test]
async fn without_session_or_bundle_nothing_is_encrypted() {
    let mut pair = Pair::established().await;
    pair.ann.forget_session(&pair.bob_at);
    let refused = pair
        .ann
        .encrypt(&pair.bob_at, None, &text("no"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            Error::Signal(SignalProtocolError::SessionNotFound(_))
        ),
        "{refused}"
    );
    let enc = pair.ann_sends("anew").await;
    assert_eq!(
        (enc.kind, pair.bob_reads(&enc).await.unwrap().as_str()),
        (EncKind::Pkmsg, "anew")
    );
}

#[test]
fn one_time_prekeys_are_replenished_and_never_repeat() {
    let mut party = Party::new();
    let mut ids: Vec<u32> = (0..250)
        .map(|_| party.take_bundle().one_time.unwrap().0)
        .collect();
    assert!(ids.is_sorted());
    ids.dedup();
    assert_eq!(ids.len(), 250);
    assert!((1..=0x3fff).contains(&party.registration_id()));
}

#[tokio::test]
async fn group_message_needs_the_senders_distribution() {
    let Pair {
        mut ann,
        ann_at,
        mut bob,
        ..
    } = Pair::new();
    assert!(
        ann.group_encrypt(GROUP, &ann_at, &text("early"))
            .await
            .is_err()
    );
    let skdm = ann.sender_key_distribution(GROUP, &ann_at).await.unwrap();
    let first = ann
        .group_encrypt(GROUP, &ann_at, &text("one"))
        .await
        .unwrap();
    let second = ann
        .group_encrypt(GROUP, &ann_at, &text("two"))
        .await
        .unwrap();
    assert!(bob.group_decrypt(GROUP, &ann_at, &first).await.is_err());

    bob.process_distribution(GROUP, &ann_at, &skdm)
        .await
        .unwrap();
    assert_eq!(
        bob.group_decrypt(GROUP, &ann_at, &second).await.unwrap(),
        text("two")
    );
    assert_eq!(
        bob.group_decrypt(GROUP, &ann_at, &first).await.unwrap(),
        text("one")
    );
    assert!(
        bob.group_decrypt(GROUP, &ann_at, &first)
            .await
            .unwrap_err()
            .is_duplicate()
    );

    let mut broken = ann
        .group_encrypt(GROUP, &ann_at, &text("three"))
        .await
        .unwrap();
    *broken.bytes.last_mut().unwrap() ^= 1;
    assert!(bob.group_decrypt(GROUP, &ann_at, &broken).await.is_err());
}

#[tokio::test]
async fn forgotten_sender_key_is_replaced_by_another_chain() {
    let Pair {
        mut ann, ann_at, ..
    } = Pair::new();
    let mut chains = Vec::new();
    for _ in 0..2 {
        ann.sender_key_distribution(GROUP, &ann_at).await.unwrap();
        chains.push(
            ann.group_encrypt(GROUP, &ann_at, &text("x"))
                .await
                .unwrap()
                .counter()
                .unwrap(),
        );
        ann.forget_sender_key(GROUP, &ann_at);
    }
    assert_eq!((chains[0].1, chains[1].1), (0, 0));
    assert_ne!(chains[0].0, chains[1].0);
}

#[tokio::test]
async fn messages_of_the_session_before_are_read_after_a_new_one_began() {
    let mut pair = Pair::new();
    // Bob has not answered: each of these needs the same one-time prekey, which the first one uses up.
    let (first, second) = (pair.ann_sends("one").await, pair.ann_sends("two").await);
    assert_eq!((first.kind, second.kind), (EncKind::Pkmsg, EncKind::Pkmsg));
    assert_eq!(pair.bob_reads(&first).await.unwrap(), "one");
    let bundle = pair.ann.take_bundle();
    pair.bob.open_session(&pair.ann_at, &bundle).await.unwrap();
    let other_way = pair
        .bob
        .encrypt(&pair.ann_at, None, &text("anew"))
        .await
        .unwrap();
    assert_eq!(other_way.kind, EncKind::Pkmsg);
    assert_eq!(pair.bob_reads(&second).await.unwrap(), "two");
    let read = pair.ann.decrypt(&pair.bob_at, &other_way).await.unwrap();
    assert_eq!(read.conversation.as_deref(), Some("anew"));
}

#[tokio::test]
async fn counter_and_chain_are_readable_without_a_key() {
    let mut pair = Pair::established().await;
    let (first, second) = (pair.ann_sends("a").await, pair.ann_sends("b").await);
    let (chain, counter) = first.counter().unwrap();
    assert!(matches!(chain, ChainId::Ratchet(_)));
    assert_eq!(second.counter().unwrap(), (chain, counter + 1));

    pair.ann.forget_session(&pair.bob_at);
    let pkmsg = pair.ann_sends("c").await;
    assert_eq!(pkmsg.kind, EncKind::Pkmsg);
    assert_ne!(pkmsg.counter().unwrap().0, chain);
    let not_a_group_message = Enc {
        kind: EncKind::Skmsg,
        ..pkmsg
    };
    assert!(not_a_group_message.counter().is_err());
}

#[tokio::test]
async fn ciphertext_of_the_wrong_kind_is_refused() {
    let mut pair = Pair::established().await;
    let enc = pair.ann_sends("a").await;
    let group = pair
        .bob
        .group_decrypt(GROUP, &pair.ann_at, &enc)
        .await
        .unwrap_err();
    assert!(matches!(group, Error::Kind(EncKind::Msg)));
    let pairwise = pair
        .bob_reads(&Enc {
            kind: EncKind::Skmsg,
            ..enc
        })
        .await
        .unwrap_err();
    assert!(matches!(pairwise, Error::Kind(EncKind::Skmsg)));
    assert!("plain".parse::<EncKind>().is_err());
}

#[test]
fn padding_follows_whatsapp_and_is_checked() {
    let padded = padded(&text("hi"));
    let count = usize::from(*padded.last().unwrap());
    assert!((1..=16).contains(&count));
    assert_eq!(unpadded(&padded).unwrap(), text("hi"));
    assert!(matches!(unpadded(&[1, 2, 3]), Err(Error::Content(_))));
    assert!(matches!(unpadded(&[]), Err(Error::Content(_))));
}

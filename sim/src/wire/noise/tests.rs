//! The three handshakes, with the initiator code that clients use.

use wacore_noise::{
    IkHandshakeState, IkServerHelloOutcome, NoiseCipher, XxFallbackHandshakeState, XxHandshakeState,
};

use super::*;

fn client_key() -> KeyPair {
    KeyPair::generate(&mut rand::make_rng::<StdRng>())
}

/// Asserts that each side decrypts what the other encrypts.
fn assert_connected(session: &Session, write: &NoiseCipher, read: &NoiseCipher) {
    let mut up = write.encrypt_with_counter(0, b"up").expect("seal");
    session
        .receive
        .decrypt_in_place_with_counter(0, &mut up)
        .expect("open");
    let mut down = session.send.encrypt_with_counter(0, b"down").expect("seal");
    read.decrypt_in_place_with_counter(0, &mut down)
        .expect("open");
    assert_eq!((up.as_slice(), down.as_slice()), (&b"up"[..], &b"down"[..]));
}

#[test]
fn xx_gives_both_sides_the_same_ciphers() {
    let authority = Authority::new();
    let own = client_key();
    let mut client =
        XxHandshakeState::new(own.clone(), b"payload".to_vec(), &WA_CONN_HEADER).expect("client");
    let hello = client.build_client_hello().expect("hello");
    let Ok(Reply::Continue { hello, pending }) = respond(&authority, &hello, false) else {
        panic!("XX has three messages");
    };
    // The real root key differs from the simulator's, so only the part before the certificate is checked here.
    match client.read_server_hello_and_build_client_finish(&hello) {
        Ok(finish) => {
            let session = pending.finish(&finish).expect("finish");
            assert_eq!(session.payload, b"payload");
            assert_eq!(session.client_static, public(&own));
            let outcome = client.finish().expect("outcome");
            assert_connected(&session, &outcome.write_cipher, &outcome.read_cipher);
        }
        Err(HandshakeError::CertVerification(reason)) => {
            assert!(reason.contains("XEdDSA"), "{reason}");
        }
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn ik_decrypts_the_early_payload() {
    let authority = Authority::new();
    let own = client_key();
    let mut client = IkHandshakeState::new(
        own.clone(),
        authority.server_public(),
        b"early".to_vec(),
        &WA_CONN_HEADER,
    )
    .expect("client");
    let hello = client.build_client_hello().expect("hello");
    let Ok(Reply::Finished { hello, session }) = respond(&authority, &hello, false) else {
        panic!("IK has two messages");
    };
    assert_eq!(session.payload, b"early");
    assert_eq!(session.client_static, public(&own));
    let Ok(IkServerHelloOutcome::Continue(outcome)) = client.read_server_hello(&hello) else {
        panic!("accepted");
    };
    assert_connected(&session, &outcome.write_cipher, &outcome.read_cipher);
}

#[test]
fn a_stale_server_key_or_a_refusal_falls_back() {
    let authority = Authority::new();
    let stale = authority.rotated().server_public();
    for (server, refuse) in [(stale, false), (authority.server_public(), true)] {
        let mut client =
            IkHandshakeState::new(client_key(), server, b"again".to_vec(), &WA_CONN_HEADER)
                .expect("client");
        let hello = client.build_client_hello().expect("hello");
        let Ok(Reply::Continue { hello, pending }) = respond(&authority, &hello, refuse) else {
            panic!("a fallback has three messages");
        };
        let Ok(IkServerHelloOutcome::Fallback(inputs)) = client.read_server_hello(&hello) else {
            panic!("the client must see a fallback");
        };
        match XxFallbackHandshakeState::from_ik_failure(*inputs, &WA_CONN_HEADER) {
            Ok(mut client) => {
                let finish = client.build_client_finish().expect("finish");
                let session = pending.finish(&finish).expect("finish");
                assert_eq!(session.pattern, Pattern::XxFallback);
                assert_eq!(session.payload, b"again");
            }
            Err(HandshakeError::CertVerification(reason)) => {
                assert!(reason.contains("XEdDSA"), "{reason}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn garbage_is_refused() {
    let authority = Authority::new();
    assert!(respond(&authority, b"\xff\xff", false).is_err());
    assert!(respond(&authority, b"", false).is_err());
}

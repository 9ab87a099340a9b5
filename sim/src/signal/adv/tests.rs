//! Verifies with the client library's own code.

use wacore::adv::{
    AdvValidation, decode_key_index_list, is_key_index_valid, validate_adv_with_identity_key,
};
use wacore::companion_reg::CompanionWebClientType;
use wacore::pair::{DeviceState, PairUtils};
use wacore_libsignal::protocol::KeyPair;

use super::*;

/// A companion's state in the client library.
fn companion() -> (DeviceState, [u8; 32]) {
    let key = || KeyPair::generate(&mut rand::rng());
    let state = DeviceState {
        identity_key: key(),
        noise_key: key(),
        adv_secret_key: [7; 32],
    };
    let identity = state
        .identity_key
        .public_key
        .public_key_bytes()
        .try_into()
        .unwrap();
    (state, identity)
}

/// The client's response to `pair-success`.
fn signed_by_client(account: &Party, state: &DeviceState, identity: &[u8; 32]) -> Vec<u8> {
    let sent = device_identity(
        account,
        identity,
        &state.adv_secret_key,
        3,
        1_700_000_000,
        Signing::Ordinary,
    );
    let (answer, key_index) = PairUtils::do_pair_crypto(state, &sent).unwrap();
    assert_eq!(key_index, 3);
    answer
}

#[test]
fn client_accepts_the_phone_and_the_phone_accepts_the_answer() {
    let account = Party::new();
    let (state, identity) = companion();
    let answer = signed_by_client(&account, &state, &identity);
    verify_device_sign(
        &account.identity_public(),
        &identity,
        &answer,
        3,
        Signing::Ordinary,
    )
    .unwrap();
    assert_eq!(
        validate_adv_with_identity_key(&answer, &identity, None),
        AdvValidation::Valid
    );
}

#[test]
fn answer_without_the_account_key_is_accepted() {
    let account = Party::new();
    let (state, identity) = companion();
    let mut answer =
        codec::adv_signed_device_identity_decode(&signed_by_client(&account, &state, &identity))
            .unwrap();
    answer.account_signature_key = None;
    let answer = codec::adv_signed_device_identity_to_vec(&answer);
    verify_device_sign(
        &account.identity_public(),
        &identity,
        &answer,
        3,
        Signing::Ordinary,
    )
    .unwrap();
}

#[test]
fn client_refuses_another_secret() {
    let account = Party::new();
    let (mut state, identity) = companion();
    let sent = device_identity(
        &account,
        &identity,
        &state.adv_secret_key,
        1,
        1,
        Signing::Ordinary,
    );
    state.adv_secret_key[0] ^= 1;
    assert_eq!(
        PairUtils::do_pair_crypto(&state, &sent).unwrap_err().text,
        "hmac-mismatch"
    );
}

#[test]
fn each_broken_part_of_an_answer_has_its_own_error() {
    let account = Party::new();
    let (state, identity) = companion();
    let good =
        codec::adv_signed_device_identity_decode(&signed_by_client(&account, &state, &identity))
            .unwrap();
    let check = |change: &dyn Fn(&mut wa::ADVSignedDeviceIdentity)| {
        let mut changed = good.clone();
        change(&mut changed);
        let bytes = codec::adv_signed_device_identity_to_vec(&changed);
        verify_device_sign(
            &account.identity_public(),
            &identity,
            &bytes,
            3,
            Signing::Ordinary,
        )
        .unwrap_err()
    };
    let flip = |field: &mut Option<Vec<u8>>| field.as_mut().unwrap()[5] ^= 1;
    assert!(matches!(
        check(&|it| flip(&mut it.account_signature)),
        Error::AccountSignature
    ));
    assert!(matches!(
        check(&|it| flip(&mut it.device_signature)),
        Error::DeviceSignature
    ));
    assert!(matches!(
        check(&|it| flip(&mut it.account_signature_key)),
        Error::ForeignAccount
    ));
    assert!(matches!(
        check(&|it| it.device_signature = None),
        Error::Malformed("device signature")
    ));
    assert!(matches!(
        check(&|it| it.details = Some(vec![])),
        Error::Malformed("key index")
    ));

    let bytes = codec::adv_signed_device_identity_to_vec(&good);
    let wrong_index = verify_device_sign(
        &account.identity_public(),
        &identity,
        &bytes,
        4,
        Signing::Ordinary,
    )
    .unwrap_err();
    assert!(matches!(
        wrong_index,
        Error::KeyIndex {
            expected: 4,
            got: 3
        }
    ));
    let foreign = verify_device_sign(
        &account.identity_public(),
        &[9; 32],
        &bytes,
        3,
        Signing::Ordinary,
    )
    .unwrap_err();
    assert!(matches!(foreign, Error::AccountSignature));
}

#[test]
fn client_accepts_a_companion_that_the_phone_signed_for_here() {
    let (account, companion) = (Party::new(), Party::new());
    let identity = companion.identity_public();
    let signed = signed_device_identity(&account, &companion, 5, 1_700_000_000, Signing::Ordinary);
    verify_device_sign(
        &account.identity_public(),
        &identity,
        &signed,
        5,
        Signing::Ordinary,
    )
    .unwrap();
    let verdict = validate_adv_with_identity_key(&signed, &identity, None);
    assert_eq!(verdict, AdvValidation::Valid);
    let other = validate_adv_with_identity_key(&signed, &[9; 32], None);
    assert_eq!(other, AdvValidation::Invalid);
}

#[test]
fn client_keeps_the_listed_devices_and_drops_the_removed_one() {
    let list = key_index_list(&Party::new(), &[1, 3], 4, 1_700_000_000);
    let list = decode_key_index_list(&list).unwrap();
    assert_eq!(list.timestamp, 1_700_000_000);
    let kept: Vec<u32> = (1..=5)
        .filter(|index| is_key_index_valid(Some(*index), &list))
        .collect();
    assert_eq!(kept, [1, 3, 5]);
}

#[test]
fn every_form_of_a_qr_code_parses() {
    let (state, identity) = companion();
    let five = PairUtils::make_qr_data(&state, "2@abc", CompanionWebClientType::OtherWebClient);
    let four = five.rsplit_once(',').unwrap().0.to_owned();
    let forms = [
        (five.clone(), Some("9")),
        (four, None),
        (format!("{LINK_PREFIX}{five}\n"), Some("9")),
    ];
    for (text, client_type) in forms {
        let qr: QrPayload = text
            .parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (qr.reference.as_str(), qr.identity, qr.adv_secret),
            ("2@abc", identity, [7; 32])
        );
        assert_eq!(qr.noise, *state.noise_key.public_key.public_key_bytes());
        assert_eq!(qr.client_type.as_deref(), client_type);
    }
}

#[test]
fn malformed_qr_code_names_the_field() {
    let key = STANDARD.encode([1; 32]);
    let short = STANDARD.encode([1; 31]);
    let error = |text: String| {
        text.parse::<QrPayload>()
            .err()
            .map(|error| error.to_string())
            .unwrap()
    };
    assert_eq!(
        error(String::new()),
        "a QR code has 4 or 5 fields, this text has 1"
    );
    assert_eq!(
        error(format!("r,{key},{key},{key},1,x")),
        "a QR code has 4 or 5 fields, this text has 6"
    );
    assert_eq!(
        error(format!(",{key},{key},{key}")),
        "the QR code's reference is malformed"
    );
    assert_eq!(
        error(format!("r,{short},{key},{key}")),
        "the QR code's noise key is malformed"
    );
    assert_eq!(
        error(format!("r,{key},!,{key}")),
        "the QR code's identity key is malformed"
    );
    assert_eq!(
        error(format!("r,{key},{key},")),
        "the QR code's adv secret is malformed"
    );
    assert_eq!(
        error(format!("r,{key},{key},{key},")),
        "the QR code's client type is malformed"
    );
}

#[test]
fn a_hosted_account_signs_its_companions_like_an_ordinary_account() {
    let account = Party::new();
    let (state, identity) = companion();
    let (secret, phone) = (&state.adv_secret_key, account.identity_public());
    let sent = |signing| device_identity(&account, &identity, secret, 3, 1, signing);
    // The library of this release confuses the account's type with the device's (whatsapp-rust#1440).
    let refused = PairUtils::do_pair_crypto(&state, &sent(Signing::Hosted)).unwrap_err();
    assert_eq!((refused.code, refused.text), (401, "signature-mismatch"));
    let signing = Signing::HostedByAccount;
    let (answer, _) = PairUtils::do_pair_crypto(&state, &sent(signing)).unwrap();
    verify_device_sign(&phone, &identity, &answer, 3, signing).unwrap();
    let ordinary = verify_device_sign(&phone, &identity, &answer, 3, Signing::Ordinary);
    assert!(matches!(ordinary, Err(Error::AccountSignature)));
}

#[test]
fn a_providers_device_verifies_as_a_hosted_one() {
    let (account, provider) = (Party::new(), Party::new());
    let signed = signed_device_identity(&account, &provider, 5, 1, Signing::Provider);
    let identity = provider.identity_public();
    let verdict = validate_adv_with_identity_key(&signed, &identity, None);
    assert_eq!(verdict, AdvValidation::Valid);
    let phone = account.identity_public();
    verify_device_sign(&phone, &identity, &signed, 5, Signing::Provider).unwrap();
}

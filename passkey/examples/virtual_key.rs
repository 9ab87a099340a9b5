//! `openclaw-passkey` with a security key that is software, for `passkey/test`: it asks for a PIN (837465), and its passkey is
//! fixed. Between the two are the bytes of a USB key (CTAPHID, CTAP 2.1, PIN protocol 1), and the key's half is written here
//! from the specification. `virtual_key --credential` prints the public half, as the simulator takes it.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read as _;
use std::process::ExitCode;

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockDecryptMut as _, BlockEncryptMut as _, KeyIvInit as _};
use ciborium::Value;
use hmac::{Hmac, Mac as _};
use libwebauthn::transport::hid::framing::{HidCommand, HidMessage};
use libwebauthn::transport::hid::{HidPipeBackend, virtual_device};
use openclaw_passkey::terminal::note;
use openclaw_passkey::{key, request};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::sec1::ToEncodedPoint as _;
use p256::{EncodedPoint, PublicKey, SecretKey};
use sha2::{Digest as _, Sha256};

const CREDENTIAL: &[u8] = b"a passkey in software";
const PIN: &[u8] = b"837465";
/// The token that stands for the PIN afterwards.
const TOKEN: [u8; 32] = [9; 32];
/// CBOR, and no CTAP 1.
const CAPABILITIES: u8 = 0x04 | 0x08;
const USER_PRESENT_AND_VERIFIED: u8 = 0x01 | 0x04;

// Commands, and what they fail with.
const GET_ASSERTION: u8 = 0x02;
const GET_INFO: u8 = 0x04;
const CLIENT_PIN: u8 = 0x06;
const INVALID_COMMAND: u8 = 0x01;
const NO_CREDENTIALS: u8 = 0x2e;
const PIN_INVALID: u8 = 0x31;
const PIN_AUTH_INVALID: u8 = 0x33;

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_slice(&[seed; 32]).expect("a scalar")
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--credential") {
        let point = secret(1).public_key().to_encoded_point(false);
        let [id, point] = [CREDENTIAL, point.as_bytes()].map(|it| URL_SAFE_NO_PAD.encode(it));
        println!("{{\"id\":\"{id}\",\"public_key\":\"{point}\"}}");
        return ExitCode::SUCCESS;
    }
    let mut options = String::new();
    std::io::stdin()
        .read_to_string(&mut options)
        .expect("options");
    let request = request::read(&options).await.expect("WhatsApp's options");
    let mut device = virtual_device(Key::default());
    match key::one(&mut device, &request).await {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            note(&why);
            ExitCode::FAILURE
        }
    }
}

#[derive(Default)]
struct Key {
    answers: VecDeque<HidMessage>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a security key in software")
    }
}

impl HidPipeBackend for Key {
    fn send(&mut self, message: &HidMessage) {
        let answer = match message.cmd {
            HidCommand::Init => {
                // The nonce, a channel, the protocol's version, the device's, and what it can do.
                let channel = [0, 0, 0, 1, 2, 1, 0, 0, CAPABILITIES];
                [&message.payload[..], &channel].concat()
            }
            HidCommand::Cbor => match answered(&message.payload) {
                Ok(answer) => [vec![0], answer].concat(),
                Err(status) => vec![status],
            },
            HidCommand::Cancel => return,
            other => panic!("{other:?}"),
        };
        let answer = HidMessage::new(message.cid, message.cmd, &answer);
        self.answers.push_back(answer);
    }

    fn recv(&mut self) -> HidMessage {
        self.answers.pop_front().expect("an answer")
    }
}

fn answered(payload: &[u8]) -> Result<Vec<u8>, u8> {
    let (command, body) = payload.split_first().expect("a command");
    let body = match body {
        [] => Value::Null,
        body => ciborium::from_reader(body).expect("CBOR"),
    };
    let answer = match *command {
        GET_INFO => info(),
        CLIENT_PIN => pin(&body)?,
        GET_ASSERTION => assertion(&body)?,
        _ => return Err(INVALID_COMMAND),
    };
    let mut bytes = Vec::new();
    ciborium::into_writer(&answer, &mut bytes).expect("CBOR");
    Ok(bytes)
}

fn map<const N: usize>(members: [(i64, Value); N]) -> Value {
    Value::Map(members.map(|(key, value)| (key.into(), value)).into())
}

fn member(map: &Value, key: i64) -> &Value {
    let members = map.as_map().expect("a map");
    let found = members.iter().find(|(name, _)| *name == key.into());
    found.map_or(&Value::Null, |(_, value)| value)
}

fn bytes(value: &Value) -> &[u8] {
    value.as_bytes().map_or(&[], Vec::as_slice)
}

fn info() -> Value {
    let options = ["rk", "up", "clientPin", "pinUvAuthToken"];
    let options = options.map(|name| (name.into(), true.into()));
    map([
        (1, Value::Array(vec!["FIDO_2_0".into(), "FIDO_2_1".into()])),
        (3, Value::Bytes(vec![0; 16])),
        (4, Value::Map(options.into())),
        (6, Value::Array(vec![1.into()])),
    ])
}

/// authenticatorClientPIN, protocol 1.
fn pin(body: &Value) -> Result<Value, u8> {
    let zeros = [0; 16].into();
    match member(body, 2)
        .as_integer()
        .and_then(|it| it.try_into().ok())
    {
        // How often it may still be wrong.
        Some(1_u8) => Ok(map([(3, 8.into())])),
        // The key for the two below.
        Some(2) => {
            let point = secret(2).public_key().to_encoded_point(false);
            let [x, y] = [point.x(), point.y()].map(|it| Value::Bytes(it.expect("one").to_vec()));
            let key = map([
                (1, 2.into()),
                (3, (-25).into()),
                (-1, 1.into()),
                (-2, x),
                (-3, y),
            ]);
            Ok(map([(1, key)]))
        }
        // A token for the PIN, with permissions.
        Some(9) => {
            let theirs = member(body, 3);
            let [x, y] = [-2, -3].map(|part| <[u8; 32]>::try_from(bytes(member(theirs, part))));
            let (x, y) = (x.expect("x"), y.expect("y"));
            let theirs = EncodedPoint::from_affine_coordinates(&x.into(), &y.into(), false);
            let theirs = PublicKey::try_from(theirs).expect("a point");
            let ours = secret(2).to_nonzero_scalar();
            let shared = p256::ecdh::diffie_hellman(ours, theirs.as_affine());
            let shared = Sha256::digest(shared.raw_secret_bytes());
            let hash = cbc::Decryptor::<Aes256>::new(&shared, &zeros)
                .decrypt_padded_vec_mut::<NoPadding>(bytes(member(body, 6)))
                .map_err(|_| PIN_INVALID)?;
            if hash != Sha256::digest(PIN)[..16] {
                return Err(PIN_INVALID);
            }
            let token = cbc::Encryptor::<Aes256>::new(&shared, &zeros)
                .encrypt_padded_vec_mut::<NoPadding>(&TOKEN);
            Ok(map([(2, Value::Bytes(token))]))
        }
        _ => Err(INVALID_COMMAND),
    }
}

fn assertion(body: &Value) -> Result<Value, u8> {
    if member(body, 1).as_text() != Some("whatsapp.com") {
        return Err(NO_CREDENTIALS);
    }
    let client_data_hash = bytes(member(body, 2));
    let mut proof = Hmac::<Sha256>::new_from_slice(&TOKEN).expect("any length");
    proof.update(client_data_hash);
    if proof.finalize().into_bytes()[..16] != *bytes(member(body, 6)) {
        return Err(PIN_AUTH_INVALID);
    }
    let mut data = Sha256::digest("whatsapp.com").to_vec();
    data.push(USER_PRESENT_AND_VERIFIED);
    // No counter, like a passkey that is synchronised.
    data.extend([0; 4]);
    let signed = [&data, client_data_hash].concat();
    let signature: DerSignature = SigningKey::from(secret(1)).sign(&signed);
    let credential = [
        ("id", Value::Bytes(CREDENTIAL.to_vec())),
        ("type", "public-key".into()),
    ];
    let credential = credential.map(|(name, value)| (name.into(), value));
    Ok(map([
        (1, Value::Map(credential.into())),
        (2, Value::Bytes(data)),
        (3, Value::Bytes(signature.as_bytes().to_vec())),
    ]))
}

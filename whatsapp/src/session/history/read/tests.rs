//! Tests of reading histories: what is shown, and that hostile ones are errors.

use openclaw_state::vault::trial::Volume;
use whatsapp_rust::buffa::MessageField;

use super::*;

const CHAT: &str = "15550100002@s.whatsapp.net";

/// zlib, without compression.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x78, 0x01];
    let blocks = data.chunks(usize::from(u16::MAX));
    let last = blocks.len().saturating_sub(1);
    for (at, block) in blocks.enumerate() {
        let length = u16::try_from(block.len()).unwrap();
        bytes.push(u8::from(at == last));
        bytes.extend(length.to_le_bytes());
        bytes.extend((!length).to_le_bytes());
        bytes.extend(block);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    bytes.extend((b << 16 | a).to_be_bytes());
    bytes
}

fn message(id: &str, chat: &str, at: u64, text: &str) -> wa::HistorySyncMsg {
    wa::HistorySyncMsg {
        message: MessageField::some(wa::WebMessageInfo {
            key: MessageField::some(wa::MessageKey {
                remote_jid: Some(chat.to_owned()),
                from_me: Some(at.is_multiple_of(2)),
                id: Some(id.to_owned()),
                participant: None,
            }),
            message: MessageField::some(wa::Message {
                conversation: Some(text.to_owned()),
                ..wa::Message::default()
            }),
            message_timestamp: Some(at),
            ..wa::WebMessageInfo::default()
        }),
        msg_order_id: None,
    }
}

fn of_chat(messages: Vec<wa::HistorySyncMsg>) -> Vec<u8> {
    let history = wa::HistorySync {
        conversations: vec![wa::Conversation {
            id: CHAT.to_owned(),
            messages,
            end_of_history_transfer_type: Some(
                End::COMPLETE_ON_DEMAND_SYNC_BUT_MORE_MSG_REMAIN_ON_PRIMARY,
            ),
            ..wa::Conversation::default()
        }],
        ..wa::HistorySync::default()
    };
    codec::history_sync_to_vec(&history)
}

fn read(inflated: &[u8], count: usize) -> Result<History, HistoryError> {
    read_bytes(&zlib(inflated), count)
}

fn read_bytes(bytes: &[u8], count: usize) -> Result<History, HistoryError> {
    let volume = Volume::new();
    let store = Store::new(volume.vault.clone());
    let asked = Asked {
        chat: ChatId::of_jid(CHAT),
        before: MessageId::new("LAST"),
        count,
    };
    let account = Account {
        number: "15550100001@s.whatsapp.net".parse().ok(),
        lid: None,
    };
    history(bytes, &asked, &account, &store)
}

fn ids(history: &History) -> Vec<&str> {
    let messages = history.messages.iter();
    messages.map(|message| message.origin.id.as_str()).collect()
}

#[tokio::test]
async fn the_newest_messages_of_the_chat_are_read() {
    let history = of_chat(vec![
        message("A", CHAT, 5, "oldest"),
        message("LAST", CHAT, 9, "asked for what is before it"),
        message("C", CHAT, 8, "newest"),
        message("B", CHAT, 7, "between"),
        message("X", "15550100099@s.whatsapp.net", 8, "of another chat"),
        message("", CHAT, 8, "without an id"),
        message("Y", CHAT, 0, "without a date"),
        message("Z", CHAT, u64::MAX, "with an impossible date"),
        wa::HistorySyncMsg::default(),
    ]);
    let all = read(&history, 50).unwrap();
    assert_eq!(
        (ids(&all), all.more, all.left_out),
        (vec!["C", "B", "A"], true, 6)
    );
    let from_me: Vec<bool> = all.messages.iter().map(|it| it.origin.from_me).collect();
    assert_eq!(from_me, [true, false, false]);
    let two = read(&history, 2).unwrap();
    assert_eq!(ids(&two), ["C", "B"]);
    assert_eq!(two.oldest.unwrap().id.as_str(), "B");
}

#[tokio::test]
async fn what_has_no_content_has_a_position() {
    let mut stub = message("OLD", CHAT, 3, "");
    let info = stub.message.as_option_mut().unwrap();
    info.message = MessageField::none();
    let history = read(&of_chat(vec![message("A", CHAT, 5, "a"), stub]), 50).unwrap();
    assert_eq!((ids(&history), history.left_out), (vec!["A"], 1));
    let oldest = history.oldest.unwrap();
    assert_eq!(oldest.id.as_str(), "OLD");
    assert_eq!(
        oldest.sender.unwrap().phone.unwrap().digits(),
        "15550100002"
    );
}

#[tokio::test]
async fn a_history_of_another_chat_has_no_messages() {
    let other = wa::HistorySync {
        conversations: vec![wa::Conversation {
            id: "15550100099@s.whatsapp.net".to_owned(),
            messages: vec![message("A", CHAT, 5, "of the right chat")],
            ..wa::Conversation::default()
        }],
        ..wa::HistorySync::default()
    };
    let read = read(&codec::history_sync_to_vec(&other), 50).unwrap();
    assert_eq!((ids(&read), read.more, read.left_out), (vec![], false, 1));
}

#[tokio::test]
async fn a_malformed_history_is_an_error() {
    let history = of_chat(vec![message("A", CHAT, 5, "a")]);
    let whole = zlib(&history);
    let cut = &whole[..whole.len() / 2];
    let flipped = &history[..history.len() - 1];
    for bytes in [&b""[..], b"garbage", cut, &zlib(flipped)] {
        let read = read_bytes(bytes, 50);
        assert_eq!(read, Err(HistoryError::Unreadable), "{bytes:?}");
    }
    let too_large = of_chat(vec![message("A", CHAT, 5, &"a".repeat(9 << 20))]);
    assert_eq!(read(&too_large, 50), Err(HistoryError::Unreadable));
}

#[tokio::test]
async fn many_or_large_messages_are_left_out() {
    let long = "a".repeat(MAX_MESSAGE_BYTES);
    let mut messages = vec![message("LONG", CHAT, 7, &long)];
    messages.extend((0..2_000).map(|at| message(&format!("{at}"), CHAT, 5, "a")));
    let read = read(&of_chat(messages), 50).unwrap();
    assert_eq!((read.messages.len(), read.left_out), (50, 1));
}

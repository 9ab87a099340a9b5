//! Messages as a person sees them.

use serde_json::{Value, json};

use super::*;
use crate::number::DeviceId;

struct Phone {
    number: Number,
    user: User,
}

fn number(text: &str) -> Number {
    text.parse().expect("a number")
}

const ANNA: &str = "+15550100002";
const BERT: &str = "+15550100003";
const GROUP: &str = "120363000000000001@g.us";

impl Phone {
    fn new() -> Self {
        let number = number("+15550100001");
        let user = User::new(&number);
        Self { number, user }
    }

    fn gets(&mut self, id: &str, from: &str, content: Value) {
        let content: Content = serde_json::from_value(content).expect("a content");
        let from: DeviceId = (number(from), 0);
        let chat = GROUP.parse().expect("a jid");
        let message = content.message().expect("a message");
        self.user
            .receive(0, Received::plain(id, &from, &chat, &message));
    }

    fn sees(&self) -> Vec<Value> {
        let shown = shown(&self.user, &self.number).into_iter();
        let json = |it: Shown| serde_json::to_value(it).expect("JSON");
        shown.map(json).collect()
    }
}

#[test]
fn edits_deletions_reactions_and_pins_apply_to_their_message() {
    let mut phone = Phone::new();
    phone.gets("A", ANNA, json!({ "text": "one" }));
    phone.gets("B", ANNA, json!({ "text": "two" }));
    let own = |id: &str| json!({ "id": id, "own": true });
    let edit = json!({ "edit": { "about": own("A"), "content": { "text": "eins" } } });
    phone.gets("C", BERT, edit.clone());
    assert_eq!(phone.sees()[0]["text"], "one", "Bert may not change it");
    phone.gets("D", ANNA, edit);
    let wrapped = json!({ "edit": { "about": own("A"), "content": { "text": "uno" } }, "wrapped": ["edited"] });
    phone.gets("E", ANNA, wrapped);
    let react = |emoji: &str| json!({ "reaction": { "about": { "id": "A" }, "emoji": emoji } });
    phone.gets("F", BERT, react("👍"));
    phone.gets("G", ANNA, react("🎉"));
    phone.gets("H", BERT, react(""));
    phone.gets(
        "I",
        BERT,
        json!({ "pin": { "about": { "id": "A" }, "pinned": true } }),
    );
    phone.gets("J", ANNA, json!({ "deletion": own("B") }));
    let sees = phone.sees();
    assert_eq!(sees.len(), 2);
    assert_eq!(sees[0]["text"], "uno");
    assert_eq!(sees[0]["content"], json!({ "text": "uno" }));
    assert_eq!(
        (&sees[0]["edited"], &sees[0]["pinned"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(sees[0]["reactions"], json!({ ANNA: "🎉" }));
    assert_eq!(
        (&sees[1]["content"], &sees[1]["text"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn an_admin_deletes_what_others_wrote_in_a_group() {
    let mut phone = Phone::new();
    phone.gets("A", ANNA, json!({ "text": "one" }));
    phone.gets("B", BERT, json!({ "deletion": { "id": "A", "own": true } }));
    assert_eq!(phone.sees()[0]["text"], "one");
    phone.gets(
        "C",
        BERT,
        json!({ "deletion": { "id": "A", "own": false } }),
    );
    assert_eq!(phone.sees()[0]["text"], Value::Null);
}

#[test]
fn votes_apply_to_their_poll_and_the_last_one_counts() {
    use crate::wire::address::By;
    use crate::wire::content::Vote;
    let mut phone = Phone::new();
    let poll = json!({ "poll": { "question": "?", "options": ["a", "b"], "selectable": 1 } });
    phone.gets("P", ANNA, poll);
    for (id, option) in [("V", "a"), ("W", "b")] {
        let vote = Vote {
            poll: "P".to_owned(),
            options: vec![option.to_owned()],
        };
        let bert = number(BERT);
        let message = poll::vote(&phone.user, &bert, &vote, By::Lid).expect("a vote");
        let chat = GROUP.parse().expect("a jid");
        phone
            .user
            .receive(0, Received::plain(id, &(bert, 0), &chat, &message));
    }
    let sees = phone.sees();
    assert_eq!(sees.len(), 1);
    assert_eq!(sees[0]["votes"], json!({ BERT: ["b"] }));
}

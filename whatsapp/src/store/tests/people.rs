//! Persons' addresses, as shown by stanzas and as stored by the library.

use whatsapp_rust::wacore::store::traits::{LidPnMappingEntry, ProtocolStore as _};

use super::{Rows as _, Volume};
use crate::store::Store;

const NUMBER: &str = "15550100001@s.whatsapp.net";
const LID: &str = "100000000000001@lid";
const OTHER_NUMBER: &str = "15550100002@s.whatsapp.net";
const OTHER_LID: &str = "100000000000002@lid";

fn names(store: &Store) -> [Option<String>; 4] {
    [NUMBER, LID, OTHER_NUMBER, OTHER_LID].map(|jid| store.other_name(jid))
}

#[tokio::test]
async fn a_pair_shown_by_a_stanza_is_known_until_the_library_stores_another() {
    let mut volume = Volume::new();
    let store = Store::new(volume.vault.clone());
    let some = |name: &str| Some(name.to_owned());
    store.learn("15550100001:4@s.whatsapp.net", "100000000000001:4@lid");
    store.learn("120363000000000001@g.us", OTHER_LID);
    store.learn(NUMBER, OTHER_NUMBER);
    store.learn(LID, OTHER_LID);
    store.learn("@lid", NUMBER);
    volume.reopen();
    let store = Store::new(volume.vault.clone());
    assert_eq!(names(&store), [some(LID), some(NUMBER), None, None]);
    // The pair is not in the library's table, which would count it as migrated.
    let records = volume.records();
    assert!(records.get_all_lid_mappings().await.unwrap().is_empty());
    // The number now has another LID, and its LID had another number.
    store.learn(OTHER_LID, NUMBER);
    assert_eq!(names(&store), [some(OTHER_LID), None, None, some(NUMBER)]);
    store.learn(OTHER_NUMBER, LID);
    let swapped = [some(OTHER_LID), some(OTHER_NUMBER), some(LID), some(NUMBER)];
    assert_eq!(names(&store), swapped);
    let mapping = LidPnMappingEntry {
        lid: "100000000000001".into(),
        phone_number: "15550100001".into(),
        created_at: 0,
        updated_at: 0,
        learning_source: "usync".into(),
    };
    records.put_lid_mapping(&mapping).await.unwrap();
    assert_eq!(names(&store), [some(LID), some(NUMBER), None, None]);
    // A number that a stanza has separated from its LID no longer refers to it, whoever has the LID now.
    store.learn(LID, OTHER_NUMBER);
    let moved = [None, some(OTHER_NUMBER), some(LID), None];
    assert_eq!(names(&store), moved);
    // A later stanza makes the pair valid again.
    store.learn(OTHER_LID, NUMBER);
    assert_eq!(store.other_name(NUMBER), some(OTHER_LID));
}

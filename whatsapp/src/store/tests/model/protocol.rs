//! The calls of `ProtocolStore`.

use whatsapp_rust::bytes::Bytes;
use whatsapp_rust::wacore::store::traits::{
    DeviceInfo, DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow,
    ProtocolStore as _, TcTokenEntry,
};

use super::{Pair, shown};
use crate::store::records::now;

impl Pair {
    fn mapping(&mut self) -> LidPnMappingEntry {
        LidPnMappingEntry {
            lid: self.rng.u32(100..105).to_string(),
            phone_number: self.user().to_owned(),
            created_at: self.time(),
            updated_at: self.time(),
            learning_source: self.id(),
        }
    }

    /// The library's store forgets a number's LID if the number has meanwhile been reported with another LID; ours
    /// keeps it.
    async fn put_mapping(&mut self, entry: &LidPnMappingEntry) {
        let before = self.theirs.get_lid_mapping(&entry.lid).await.unwrap();
        let mut other = None;
        if let Some(before) = before {
            other = self
                .theirs
                .get_pn_mapping(&before.phone_number)
                .await
                .unwrap();
        }
        self.theirs.put_lid_mapping(entry).await.unwrap();
        if let Some(other) = other
            && other.lid != entry.lid
            && other.phone_number != entry.phone_number
        {
            self.theirs.put_lid_mapping(&other).await.unwrap();
        }
    }

    fn devices(&mut self) -> DeviceListRecord {
        DeviceListRecord {
            user: self.user().to_owned(),
            devices: self.some(|pair| {
                let index = pair.rng.bool().then(|| pair.number());
                DeviceInfo::new(pair.number(), index).with_hosting(pair.rng.bool())
            }),
            timestamp: self.time(),
            phash: self.rng.bool().then(|| self.id()),
            raw_id: self.rng.bool().then(|| self.number()),
        }
    }

    pub(super) async fn protocol(&mut self) {
        let (group, address, id, bytes) = (self.group(), self.address(), self.id(), self.bytes());
        let (user, time, other) = (self.user(), self.time(), self.time());
        match self.rng.u32(..36) {
            0 => same!(sorted self.get_sender_key_devices(group)),
            1 | 2 => {
                let rows = self.some(|pair| (pair.address(), pair.rng.bool()));
                let rows: Vec<(&str, bool)> =
                    rows.iter().map(|(jid, has)| (&**jid, *has)).collect();
                same!(self.set_sender_key_status(group, &rows));
            }
            3 => same!(self.clear_sender_key_devices(group)),
            4 => {
                let jids = self.some(Self::address);
                let jids: Vec<&str> = jids.iter().map(|jid| &**jid).collect();
                same!(self.delete_sender_key_device_rows(&jids));
            }
            5 => same!(self.clear_all_sender_key_devices()),
            6 => {
                let lid = self.rng.u32(100..105).to_string();
                same!(self.get_lid_mapping(&lid));
            }
            7 => same!(self.get_pn_mapping(user)),
            8 => {
                let entry = self.mapping();
                self.ours.put_lid_mapping(&entry).await.unwrap();
                self.put_mapping(&entry).await;
            }
            9 => {
                let entries = self.some(Self::mapping);
                self.ours.put_lid_mappings(&entries).await.unwrap();
                for entry in &entries {
                    self.put_mapping(entry).await;
                }
            }
            10 => same!(sorted self.get_all_lid_mappings()),
            11 => same!(self.save_base_key(&address, &id, &[time as u8 % 3])),
            12 => same!(self.has_same_base_key(&address, &id, &[time as u8 % 3])),
            13 => same!(self.delete_base_key(&address, &id)),
            14 => {
                let record = self.devices();
                same!(self.update_device_list(record.clone()));
            }
            15 => {
                let records = self.some(Self::devices);
                same!(self.update_device_lists(records.clone()));
            }
            16 => same!(self.get_devices(user)),
            17 => same!(self.delete_devices(user)),
            18 => same!(self.get_group_metadata(group)),
            19 => same!(self.put_group_metadata(group, &bytes)),
            20 => same!(self.delete_group_metadata(group)),
            21 => same!(self.get_tc_token(user)),
            22 => {
                let entry = TcTokenEntry {
                    token: bytes.to_vec(),
                    token_timestamp: time,
                    sender_timestamp: self.rng.bool().then_some(other),
                };
                same!(self.put_tc_token(user, &entry));
            }
            23 => same!(self.delete_tc_token(user)),
            24 => same!(sorted self.get_all_tc_token_jids()),
            25 => same!(self.delete_expired_tc_tokens(time, other)),
            26 => same!(self.touch_tc_token_sender_timestamp(user, time)),
            27 => same!(self.store_received_tc_token(user, &bytes, time)),
            _ => self.messages(group, &address, &id, &bytes).await,
        }
    }

    async fn messages(&mut self, chat: &str, sender: &str, id: &str, bytes: &Bytes) {
        match self.rng.u32(..9) {
            0 | 1 => same!(self.store_sent_message(chat, id, bytes)),
            2 => same!(self.take_sent_message(chat, id)),
            3 => {
                // Both record the current time: with a cutoff before it nothing expires, with one long after it
                // everything does.
                let cutoff = now() + if self.rng.bool() { -1000 } else { 1000 };
                same!(self.delete_expired_sent_messages(cutoff));
            }
            4 => same!(self.store_pending_inbound(chat, sender, id, bytes)),
            5 => same!(self.get_pending_inbound(chat, sender, id)),
            6 => same!(self.delete_pending_inbound(chat, sender, id)),
            7 => {
                let rows = self.some(|pair| (pair.address(), pair.id(), pair.bytes()));
                let rows: Vec<_> = rows
                    .iter()
                    .map(|(sender, id, message)| PendingInboundRow {
                        chat,
                        sender,
                        id,
                        message,
                    })
                    .collect();
                same!(self.store_pending_inbound_batch(&rows));
                // Ours never expires them.
                let ours = self.ours.delete_expired_pending_inbound(i64::MAX).await;
                assert_eq!(ours.unwrap(), 0);
            }
            _ => {
                let keys = self.some(|pair| (pair.address(), pair.id()));
                let keys: Vec<_> = keys
                    .iter()
                    .map(|(sender, id)| PendingInboundKey { chat, sender, id })
                    .collect();
                same!(self.delete_pending_inbound_batch(&keys));
            }
        }
    }
}

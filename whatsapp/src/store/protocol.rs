//! What WhatsApp Web stores in addition to the ratchets: the devices that have our sender keys, LIDs, device lists,
//! groups, tokens, sent messages for retries, and messages that are not committed yet. Nothing here is committed by
//! itself: all of it can be fetched again, or a commit follows.

use async_trait::async_trait;
use openclaw_state::failpoint::{self, Failpoint};
use openclaw_state::vault::Tables;
use openclaw_vault::{Batch, Key};
use whatsapp_rust::wacore::store::error::Result;
use whatsapp_rust::wacore::store::traits::{
    DeviceListRecord, LidPnMappingEntry, PendingInboundKey, PendingInboundRow, ProtocolStore,
    TcTokenEntry,
};

use super::records::{Records, check_size, encode, name, now};
use super::{lids, pending, sent, tokens};

/// Far more than the number of simultaneous retries.
const MAX_BASE_KEYS: usize = 1024;

#[async_trait]
impl ProtocolStore for Records {
    async fn get_sender_key_devices(&self, group_jid: &str) -> Result<Vec<(String, bool)>> {
        let entries = self
            .vault
            .scan(Tables::SENDER_KEY_DEVICES, Some(group_jid.as_bytes()));
        let devices = entries.into_iter().filter_map(|entry| {
            let has_key = match entry.value.as_slice() {
                [0] => Some(false),
                [1] => Some(true),
                _ => None,
            };
            let has_key = self.readable(name(&entry), has_key)?;
            Some((String::from_utf8(entry.id).ok()?, has_key))
        });
        Ok(devices.collect())
    }

    async fn set_sender_key_status(&self, group_jid: &str, entries: &[(&str, bool)]) -> Result<()> {
        let rows = entries.iter().map(|(device, has_key)| {
            let key = Key::new(Tables::SENDER_KEY_DEVICES, group_jid, *device);
            (key, [u8::from(*has_key)])
        });
        self.write_all(rows)
    }

    async fn clear_sender_key_devices(&self, group_jid: &str) -> Result<()> {
        let mut batch = Batch::new();
        batch.clear_scope(Tables::SENDER_KEY_DEVICES, group_jid.as_bytes());
        self.vault.write(&batch);
        Ok(())
    }

    async fn delete_sender_key_device_rows(&self, device_jids: &[&str]) -> Result<()> {
        if device_jids.is_empty() {
            return Ok(());
        }
        // This scans the rows of all groups. It is rare: less than once a day a device is removed from an account.
        self.vault.update(|update| {
            for entry in update.scan(Tables::SENDER_KEY_DEVICES, None) {
                if device_jids.iter().any(|jid| jid.as_bytes() == entry.id) {
                    update.batch().delete(name(&entry));
                }
            }
        });
        Ok(())
    }

    async fn clear_all_sender_key_devices(&self) -> Result<()> {
        let mut batch = Batch::new();
        batch.clear_table(Tables::SENDER_KEY_DEVICES);
        self.vault.write(&batch);
        Ok(())
    }

    async fn get_lid_mapping(&self, lid: &str) -> Result<Option<LidPnMappingEntry>> {
        Ok(self.load_row(lids::of_lid(lid)))
    }

    async fn get_pn_mapping(&self, phone: &str) -> Result<Option<LidPnMappingEntry>> {
        Ok(lids::by_number(self, phone))
    }

    async fn put_lid_mapping(&self, entry: &LidPnMappingEntry) -> Result<()> {
        lids::put(self, std::slice::from_ref(entry))
    }

    async fn put_lid_mappings(&self, entries: &[LidPnMappingEntry]) -> Result<()> {
        lids::put(self, entries)
    }

    async fn get_all_lid_mappings(&self) -> Result<Vec<LidPnMappingEntry>> {
        let entries = self.vault.scan(Tables::LID_MAPPINGS, None);
        let mappings = entries.into_iter().filter_map(|mut entry| {
            let value = std::mem::take(&mut entry.value);
            self.row(name(&entry), Some(value))
        });
        Ok(mappings.collect())
    }

    async fn save_base_key(&self, address: &str, message_id: &str, base_key: &[u8]) -> Result<()> {
        check_size(base_key.len())?;
        self.vault.update(|update| {
            // Rows of retries that ended early accumulate. Without such a row, a collision is detected one retry
            // later.
            if update.count(Tables::BASE_KEYS) >= MAX_BASE_KEYS {
                update.batch().clear_table(Tables::BASE_KEYS);
            }
            let key = base_key_of(address, message_id);
            update.batch().put(key, base_key);
        });
        Ok(())
    }

    async fn has_same_base_key(
        &self,
        address: &str,
        message_id: &str,
        current_base_key: &[u8],
    ) -> Result<bool> {
        let saved = self.vault.load(base_key_of(address, message_id));
        Ok(saved.is_some_and(|saved| saved.as_slice() == current_base_key))
    }

    async fn delete_base_key(&self, address: &str, message_id: &str) -> Result<()> {
        self.delete(base_key_of(address, message_id));
        Ok(())
    }

    async fn update_device_list(&self, record: DeviceListRecord) -> Result<()> {
        self.write(devices_of(&record.user), &encode(&record)?)
    }

    async fn update_device_lists(&self, records: Vec<DeviceListRecord>) -> Result<()> {
        let rows: Result<Vec<_>> = records
            .iter()
            .map(|record| Ok((devices_of(&record.user), encode(record)?)))
            .collect();
        self.write_all(rows?)
    }

    async fn get_devices(&self, user: &str) -> Result<Option<DeviceListRecord>> {
        Ok(self.load_row(devices_of(user)))
    }

    async fn delete_devices(&self, user: &str) -> Result<()> {
        self.delete(devices_of(user));
        Ok(())
    }

    async fn get_group_metadata(&self, group_jid: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.load_bytes(group(group_jid)))
    }

    async fn put_group_metadata(&self, group_jid: &str, blob: &[u8]) -> Result<()> {
        self.write(group(group_jid), blob)
    }

    async fn delete_group_metadata(&self, group_jid: &str) -> Result<()> {
        self.delete(group(group_jid));
        Ok(())
    }

    async fn get_tc_token(&self, jid: &str) -> Result<Option<TcTokenEntry>> {
        Ok(self.load_row(tokens::of(jid)))
    }

    async fn put_tc_token(&self, jid: &str, entry: &TcTokenEntry) -> Result<()> {
        self.write(tokens::of(jid), &encode(entry)?)
    }

    async fn delete_tc_token(&self, jid: &str) -> Result<()> {
        self.delete(tokens::of(jid));
        Ok(())
    }

    async fn get_all_tc_token_jids(&self) -> Result<Vec<String>> {
        let entries = self.vault.scan(Tables::TC_TOKENS, None);
        let jids = entries.into_iter();
        Ok(jids
            .filter_map(|entry| String::from_utf8(entry.id).ok())
            .collect())
    }

    async fn delete_expired_tc_tokens(&self, token_cutoff: i64, sender_cutoff: i64) -> Result<u32> {
        Ok(tokens::expire(self, token_cutoff, sender_cutoff))
    }

    async fn touch_tc_token_sender_timestamp(
        &self,
        jid: &str,
        sender_timestamp: i64,
    ) -> Result<()> {
        tokens::touch(self, jid, sender_timestamp)
    }

    async fn store_received_tc_token(
        &self,
        jid: &str,
        token: &[u8],
        token_timestamp: i64,
    ) -> Result<()> {
        tokens::receive(self, jid, token, token_timestamp)
    }

    async fn store_sent_message(
        &self,
        chat_jid: &str,
        message_id: &str,
        payload: &[u8],
    ) -> Result<()> {
        sent::store(self, chat_jid, message_id, payload, now())
    }

    async fn take_sent_message(&self, chat_jid: &str, message_id: &str) -> Result<Option<Vec<u8>>> {
        Ok(sent::take(self, chat_jid, message_id))
    }

    async fn delete_expired_sent_messages(&self, cutoff_timestamp: i64) -> Result<u32> {
        Ok(sent::expire(self, cutoff_timestamp))
    }

    async fn store_pending_inbound(
        &self,
        chat: &str,
        sender: &str,
        id: &str,
        message: &[u8],
    ) -> Result<()> {
        let row = PendingInboundRow {
            chat,
            sender,
            id,
            message,
        };
        pending::write(self, &[row])
    }

    async fn get_pending_inbound(
        &self,
        chat: &str,
        sender: &str,
        id: &str,
    ) -> Result<Option<Vec<u8>>> {
        Ok(pending::find(self, chat, sender, id).await)
    }

    async fn delete_pending_inbound(&self, chat: &str, sender: &str, id: &str) -> Result<()> {
        pending::remove(self, [PendingInboundKey { chat, sender, id }]);
        Ok(())
    }

    async fn delete_expired_pending_inbound(&self, _cutoff_timestamp: i64) -> Result<u32> {
        // Never expired: after a week, an uncommitted message is still unread.
        Ok(0)
    }

    async fn store_pending_inbound_batch(&self, rows: &[PendingInboundRow<'_>]) -> Result<()> {
        failpoint::reach(Failpoint::Decrypted).await;
        pending::write(self, rows)?;
        failpoint::pass(Failpoint::Pending);
        Ok(())
    }

    async fn delete_pending_inbound_batch(&self, keys: &[PendingInboundKey<'_>]) -> Result<()> {
        let keys = keys.iter().map(|key| PendingInboundKey { ..*key });
        pending::remove(self, keys);
        Ok(())
    }
}

fn base_key_of<'a>(address: &'a str, message_id: &'a str) -> Key<'a> {
    Key::new(Tables::BASE_KEYS, address, message_id)
}

fn devices_of(user: &str) -> Key<'_> {
    Key::new(Tables::DEVICE_LISTS, "", user)
}

fn group(jid: &str) -> Key<'_> {
    Key::new(Tables::GROUPS, "", jid)
}

//! SQLite, with a write-ahead log and the same durability as the vault; unencrypted, because it has no encryption.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _};

use crate::Failure;

pub const STORES: bool = true;

pub struct Engine(Connection);

impl Engine {
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let connection = Connection::open(dir.join("store.sqlite"))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -512;
             CREATE TABLE IF NOT EXISTS records (name TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;",
        )?;
        Ok(Self(connection))
    }

    pub fn commit(
        &mut self,
        puts: &[(String, Vec<u8>)],
        deleted: Option<&str>,
    ) -> Result<(), Failure> {
        let transaction = self.0.transaction()?;
        for (name, value) in puts {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO records VALUES (?1, ?2)")?
                .execute((name, value))?;
        }
        if let Some(name) = deleted {
            transaction
                .prepare_cached("DELETE FROM records WHERE name = ?1")?
                .execute([name])?;
        }
        transaction.commit()?;
        Ok(())
    }

    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let mut query = self
            .0
            .prepare_cached("SELECT value FROM records WHERE name = ?1")?;
        Ok(query.query_row([name], |row| row.get(0)).optional()?)
    }

    pub fn close(self) -> Result<(), Failure> {
        self.0.close().map_err(|(_, error)| error)?;
        Ok(())
    }
}

pub fn compact(_: &Path) -> Result<(), Failure> {
    Ok(())
}

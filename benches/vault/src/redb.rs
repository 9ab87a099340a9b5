//! redb, with its smallest cache; unencrypted, because it has no encryption.

use std::path::Path;

use redb::{Database, ReadableDatabase as _, TableDefinition};

use crate::Failure;

const TABLE: TableDefinition<&str, &[u8]> = TableDefinition::new("records");

pub const STORES: bool = true;

pub struct Engine(Database);

impl Engine {
    pub fn open(dir: &Path) -> Result<Self, Failure> {
        let mut builder = Database::builder();
        builder.set_cache_size(1 << 20);
        Ok(Self(builder.create(dir.join("store.redb"))?))
    }

    pub fn commit(
        &mut self,
        puts: &[(String, Vec<u8>)],
        deleted: Option<&str>,
    ) -> Result<(), Failure> {
        let transaction = self.0.begin_write()?;
        {
            let mut table = transaction.open_table(TABLE)?;
            for (name, value) in puts {
                table.insert(&**name, &**value)?;
            }
            if let Some(name) = deleted {
                table.remove(name)?;
            }
        }
        transaction.commit()?;
        Ok(())
    }

    pub fn load(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        Ok(table.get(name)?.map(|value| value.value().to_vec()))
    }

    pub fn close(self) -> Result<(), Failure> {
        Ok(())
    }
}

pub fn compact(_: &Path) -> Result<(), Failure> {
    Ok(())
}

//! No engine: the baseline of an empty program.

use std::path::Path;

use crate::Failure;

pub const STORES: bool = false;

pub struct Engine;

impl Engine {
    pub fn open(_: &Path) -> Result<Self, Failure> {
        Ok(Self)
    }

    pub fn commit(&mut self, _: &[(String, Vec<u8>)], _: Option<&str>) -> Result<(), Failure> {
        Ok(())
    }

    pub fn load(&self, _: &str) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }

    pub fn close(self) -> Result<(), Failure> {
        Ok(())
    }
}

pub fn compact(_: &Path) -> Result<(), Failure> {
    Ok(())
}

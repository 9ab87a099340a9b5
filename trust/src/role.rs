//! The roles of clients.

use std::fmt;
use std::str::FromStr;

/// What a client may do. Each role includes the roles before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads: status, events, lists.
    Reader,
    /// Also sends, acknowledges events, and has problems explained.
    Sender,
    /// Also pairs, resumes, unpairs, and changes the allowlist.
    Operator,
    /// Everything: also clients, backup and restore.
    Admin,
}

/// The text is not the name of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is reader, sender, operator or admin")]
pub struct BadRole;

impl Role {
    /// All roles, the least privileged first.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Sender, Self::Operator, Self::Admin];

    /// The number that is stored and sent. Numbers never change: 2 was assigned to clients that send, before there
    /// were operators who pair.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Reader => 1,
            Self::Sender => 2,
            Self::Admin => 3,
            Self::Operator => 4,
        }
    }

    /// The role with this number.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.to_byte() == byte)
    }

    /// The name of the role.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Sender => "sender",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Role {
    type Err = BadRole;

    fn from_str(name: &str) -> Result<Self, BadRole> {
        let mut roles = Self::ALL.into_iter();
        roles.find(|role| role.name() == name).ok_or(BadRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_byte_and_the_name_of_a_role_round_trip() {
        for role in Role::ALL {
            assert_eq!(Role::from_byte(role.to_byte()), Some(role));
            assert_eq!(role.to_string().parse(), Ok(role));
        }
        assert_eq!(Role::from_byte(0), None);
        assert_eq!("root".parse::<Role>(), Err(BadRole));
    }

    #[test]
    fn roles_are_ordered_by_privilege() {
        assert!(Role::ALL.is_sorted());
    }
}

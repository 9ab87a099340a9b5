//! A context: an agent that this user is enrolled with. Where it is reached, which key answers there,
//! and the key that it knows this user by.

mod file;
mod name;
pub(crate) mod store;

use std::fmt;

use openclaw_trust::{Fingerprint, Identity, Role};
use prost_types::Timestamp;

use crate::endpoint::Endpoint;
pub(crate) use name::Name;

/// One agent, and who this user is to it. The key is wiped when it is dropped.
pub(crate) struct Context {
    name: Name,
    endpoint: Endpoint,
    identity: Identity,
    /// What the agent calls this client, and what it allowed it when it enrolled.
    client: String,
    role: Role,
    agent: Agent,
    enrolled_at: Option<Timestamp>,
}

/// Whose key must answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) fingerprint: Fingerprint,
    /// Its certificate in DER, for programs of another make.
    pub(crate) certificate: Vec<u8>,
}

/// A key that was made to enroll, and that no agent is known to know: the answer may have been lost.
pub(crate) struct Pending {
    /// Where it was to enroll.
    pub(crate) endpoint: Endpoint,
    /// The key.
    pub(crate) identity: Identity,
}

/// What an agent said when it took this client in.
pub(crate) struct Enrolled {
    pub(crate) client: String,
    pub(crate) role: Role,
    pub(crate) agent: Agent,
    pub(crate) at: Timestamp,
}

impl Context {
    /// What happens to a key that the agent knows now.
    pub(crate) fn new(name: Name, pending: Pending, enrolled: Enrolled) -> Self {
        let Pending { endpoint, identity } = pending;
        let Enrolled {
            client,
            role,
            agent,
            at,
        } = enrolled;
        Self {
            name,
            endpoint,
            identity,
            client,
            role,
            agent,
            enrolled_at: Some(at),
        }
    }

    /// What this user calls it.
    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    /// Where it is reached.
    pub(crate) const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// This user's key.
    pub(crate) const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The agent's key.
    pub(crate) const fn agent(&self) -> &Agent {
        &self.agent
    }

    /// What the agent allowed this user's key when it enrolled.
    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// When it enrolled.
    pub(crate) const fn enrolled_at(&self) -> Option<Timestamp> {
        self.enrolled_at
    }

    /// The same, known to the agent by another name.
    pub(crate) fn called(self, client: String) -> Self {
        Self { client, ..self }
    }

    /// What the agent calls this user's key.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }
}

/// Without the key.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("name", &self.name)
            .field("endpoint", &self.endpoint)
            .field("agent", &self.agent.fingerprint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;

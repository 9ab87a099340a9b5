//! A context: an agent that this user is enrolled with. It has the agent's address and key, and this user's key.

mod file;
mod name;
pub(crate) mod store;

use std::fmt;

use openclaw_client::Endpoint;
use openclaw_trust::{Fingerprint, Identity, Role};
use prost_types::Timestamp;

pub(crate) use name::Name;

/// An agent and this user's identity for it. The key is wiped on drop.
pub(crate) struct Context {
    name: Name,
    endpoint: Endpoint,
    identity: Identity,
    /// The client's name on the agent, and its role at enrolment.
    client: String,
    role: Role,
    agent: Agent,
    enrolled_at: Option<Timestamp>,
}

/// The agent's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Agent {
    pub(crate) fingerprint: Fingerprint,
    /// Its certificate in DER, for export to other programs.
    pub(crate) certificate: Vec<u8>,
}

/// A key that was generated for an enrolment whose outcome is unknown: the response may have been lost.
pub(crate) struct Pending {
    /// The agent's address.
    pub(crate) endpoint: Endpoint,
    /// The key.
    pub(crate) identity: Identity,
}

/// The agent's response to an enrolment.
pub(crate) struct Enrolled {
    pub(crate) client: String,
    pub(crate) role: Role,
    pub(crate) agent: Agent,
    pub(crate) at: Timestamp,
}

impl Context {
    /// Makes a context of a key that the agent has accepted.
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

    /// The same key, for another agent that has accepted it.
    pub(crate) fn at(self, name: Name, endpoint: Endpoint, enrolled: Enrolled) -> Self {
        let Self { identity, .. } = self;
        Self::new(name, Pending { endpoint, identity }, enrolled)
    }

    /// Its local name.
    pub(crate) const fn name(&self) -> &Name {
        &self.name
    }

    /// The agent's address.
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

    /// The role at enrolment.
    pub(crate) const fn role(&self) -> Role {
        self.role
    }

    /// When this user enrolled.
    pub(crate) const fn enrolled_at(&self) -> Option<Timestamp> {
        self.enrolled_at
    }

    /// The same context, with another client name.
    pub(crate) fn called(self, client: String) -> Self {
        Self { client, ..self }
    }

    /// The client's name on the agent.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }
}

impl openclaw_client::Peer for Context {
    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn fingerprint(&self) -> Fingerprint {
        self.agent.fingerprint
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

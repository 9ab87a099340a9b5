//! A context for tests; and `Debug` must not show its key.

use super::*;

/// A context of an enrolment that never took place.
pub(crate) fn context(name: &str, endpoint: &str) -> Context {
    let agent = Identity::generate().unwrap();
    let pending = Pending {
        endpoint: endpoint.parse().unwrap(),
        identity: Identity::generate().unwrap(),
    };
    let enrolled = Enrolled {
        client: "laptop".to_owned(),
        role: Role::Admin,
        agent: Agent {
            fingerprint: agent.fingerprint(),
            certificate: agent.certificate_der().to_vec(),
        },
        at: Timestamp {
            seconds: 1_790_000_000,
            nanos: 0,
        },
    };
    Context::new(name.parse().unwrap(), pending, enrolled)
}

#[test]
fn debug_output_has_no_key() {
    let context = context("home", "agent:1");
    let shown = format!("{context:?}");
    let agent = context.agent.fingerprint;
    assert_eq!(
        shown,
        format!(
            "Context {{ name: Name(\"home\"), endpoint: Endpoint {{ host: \"agent\", port: 1 }}, agent: {agent:?}, .. }}"
        )
    );
}

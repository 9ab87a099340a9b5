//! `health`: queries the standard gRPC health service. The exit code is the result.

use serde::Serialize;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::address::Address;
use crate::cli::{HealthArgs, Service};
use crate::failure::{Exit, Failure};
use crate::{client, console};

#[derive(Serialize)]
struct Json {
    service: &'static str,
    serving: bool,
}

/// Exit code 0 if serving, else 1.
pub(crate) async fn run(address: &Address, args: &HealthArgs, json: bool) -> Result<Exit, Failure> {
    let (service, name) = match args.service {
        Service::Whatsapp => ("whatsapp", "whatsapp"),
        Service::Process => ("", "process"),
    };
    let mut health = client::health(address).await?;
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = client::answer(address, health.check(request)).await?;
    let serving = answer.status() == ServingStatus::Serving;
    if json {
        console::report_json(&Json {
            service: name,
            serving,
        });
    } else {
        let state = if serving { "serving" } else { "not serving" };
        console::report(&format!("{name}: {state}"));
    }
    if serving {
        return Ok(Exit::Done);
    }
    if !json {
        console::note("hint: `openclawctl status` shows why");
    }
    Ok(Exit::Failed)
}

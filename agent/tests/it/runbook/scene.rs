//! The agents on which the page's commands are run.

use std::path::Path;

use openclaw_proto::v1 as pb;
use openclaw_proto::v1::LinkState;
use openclaw_sim::{By, Failure, Fault};

use super::shell::Shell;
use crate::alerts::Receiver;
use crate::harness::{ACCOUNT, ANNA, Agent, BERT, Client, TLS, World};

/// Names in the page.
const PROXY: &str = "tramway.proxy.rlwy.net:15140";
const NETWORK: &str = "agent.example.com:50051";
const HTTP: &str = "https://openclaw-agent.up.railway.app";
/// The prompt for the code; there is no terminal here, so the code is passed on stdin.
const ASKED: &str = "Code (not shown):";

/// An agent in some state, and a terminal.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) shell: Shell,
    /// Names in the page, with their counterparts here.
    names: Vec<(&'static str, String)>,
    code: Option<String>,
    enrolls: bool,
    stopped: bool,
    _alerted: Option<Receiver>,
}

impl Scene {
    /// Creates the scene that the page names.
    pub(crate) async fn set(name: &str) -> Self {
        let shell = Shell::new();
        let (mut names, mut alerted, mut first_code) = (Vec::new(), None, None);
        let world = match name {
            "an agent that is not linked" => World::new().await,
            "a linked agent with rules" => {
                let rules = shell.folder().join("openclaw.yml");
                std::fs::write(&rules, super::RULES).unwrap();
                World::linked_with(&["--config", rules.to_str().unwrap()]).await
            }
            "an agent that no one is enrolled with" => {
                let world = World::with(openclaw_sim::Config::default(), &TLS).await;
                names.push((PROXY, world.agent.tls().to_string()));
                let code = world.agent.first_code().await.reveal();
                first_code = Some(String::clone(&code));
                world
            }
            "a linked agent on a network" => {
                let world = World::linked_with(&TLS).await;
                names.push((NETWORK, world.agent.tls().to_string()));
                let code = world.agent.invite(pb::Role::Reader, "assistant").await;
                first_code = Some(String::clone(&code.reveal()));
                world
            }
            "an agent whose operator has lost a laptop" => {
                let world = World::with(openclaw_sim::Config::default(), &TLS).await;
                Client::first(&world.agent).await;
                let code = world.agent.invite(pb::Role::Admin, "laptop").await;
                let laptop = Client::new().enroll(&world.agent, &code, "laptop").await;
                laptop.unwrap();
                world
            }
            "a linked agent with alerts" => {
                let receiver = alerted.insert(Receiver::start().await);
                let args = receiver.args();
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                World::linked_with(&args).await
            }
            _ => World::linked().await,
        };
        let mut scene = Self {
            world,
            shell,
            names,
            code: first_code,
            enrolls: name == "an agent that no one is enrolled with",
            stopped: false,
            _alerted: alerted,
        };
        scene.bring_about(name).await;
        scene
    }

    async fn bring_about(&mut self, name: &str) {
        let world = &mut self.world;
        let failure = |reason| {
            Fault::Failure(Failure {
                reason,
                expire: (reason == 402).then_some(7_200),
                code: (reason == 402).then_some(101),
            })
        };
        match name {
            "an agent that is not linked"
            | "a linked agent"
            | "a linked agent on a network"
            | "an agent that no one is enrolled with"
            | "an agent whose operator has lost a laptop"
            | "a linked agent with alerts" => {}
            "a linked agent with rules" => {
                for person in [ANNA, BERT] {
                    let peer = world.peer(person);
                    peer.send_text(ACCOUNT, "cormorant", By::Lid).await.unwrap();
                }
                world.all_acked().await;
            }
            "an agent that the phone has unlinked" => {
                world.phone().unlink(None).await.unwrap();
                world.agent.until_state(LinkState::LoggedOut).await;
            }
            "an agent that was replaced" => {
                world.fault(Fault::Replaced).await;
                world.agent.until_state(LinkState::Replaced).await;
            }
            "a banned agent" | "an outdated agent" => {
                let (reason, state) = match name {
                    "a banned agent" => (402, LinkState::Banned),
                    _ => (405, LinkState::Outdated),
                };
                world.fault(failure(reason)).await;
                world.fault(Fault::Drop).await;
                world.agent.until_state(state).await;
            }
            "an agent that cannot reach WhatsApp" => {
                world.sim.fault(Fault::Refuse(100_000)).await;
                world.fault(Fault::Drop).await;
                world.agent.until_state(LinkState::BackingOff).await;
            }
            "an agent that has stopped" => {
                assert_eq!(world.agent.terminate().await.code(), Some(0));
                self.stopped = true;
            }
            other => panic!("no scene is called {other:?}"),
        }
    }

    /// The same account, with an empty volume.
    pub(crate) async fn empty_the_volume(&mut self) {
        self.world.agent.kill().await;
        self.world.agent = Agent::start(&self.world.sim.url(), &[]).await;
    }

    /// A line of the page with the names of this scene.
    pub(crate) fn here(&self, line: &str) -> String {
        let http = if self.stopped {
            "127.0.0.1:1".to_owned()
        } else {
            self.world.agent.http().to_string()
        };
        let http = (HTTP, format!("http://{http}"));
        let names = self.names.iter().chain([&http]);
        let line = names.fold(line.to_owned(), |line, (name, here)| {
            line.replace(name, here)
        });
        match &self.code {
            Some(code) if line.starts_with("openclawctl enroll ") => {
                format!("unset OPENCLAW_AGENT; echo '{ASKED}'; {line} --code-file - <<<{code}")
            }
            _ => line,
        }
    }

    /// The output here with the names of the page.
    pub(crate) fn there(&self, printed: &str) -> String {
        let names = self.names.iter();
        names.fold(printed.to_owned(), |line, (name, here)| {
            line.replace(here, name)
        })
    }

    /// The agent's socket, unless commands use the enrolled context.
    pub(crate) fn socket(&self) -> Option<&Path> {
        (!self.enrolls).then_some(&self.world.agent.socket)
    }

    /// The agent's log.
    pub(crate) fn log(&self) -> String {
        self.world.agent.output().0.join("\n")
    }

    pub(crate) async fn end(mut self) {
        if self.stopped {
            let url = self.world.sim.url();
            self.world.agent.start_again(&url).await;
        }
        // Violations of injected faults are not the agent's.
        self.world.finish_with_violations().await;
    }
}

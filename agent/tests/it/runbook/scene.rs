//! The agents that the page's commands are typed for.

use std::path::PathBuf;

use openclaw_proto::v1::LinkState;
use openclaw_sim::{By, Failure, Fault};

use super::shell::Shell;
use crate::harness::{ACCOUNT, ANNA, Agent, BERT, World};

/// An agent in some state, and a terminal.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) shell: Shell,
    stopped: bool,
}

impl Scene {
    /// What a page calls it.
    pub(crate) async fn set(name: &str) -> Self {
        let shell = Shell::new();
        let world = match name {
            "an agent that is not linked" => World::new().await,
            "a linked agent with rules" => {
                let rules = shell.folder().join("openclaw.yml");
                std::fs::write(&rules, super::RULES).unwrap();
                World::linked_with(&["--config", rules.to_str().unwrap()]).await
            }
            _ => World::linked().await,
        };
        let mut scene = Self {
            world,
            shell,
            stopped: false,
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
            "an agent that is not linked" | "a linked agent" => {}
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

    /// The same account, with a volume that has nothing.
    pub(crate) async fn empty_the_volume(&mut self) {
        self.world.agent.kill().await;
        self.world.agent = Agent::start(&self.world.sim.url(), &[]).await;
    }

    /// What the page calls the agent's addresses, and what they are here.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, String)> {
        let http = if self.stopped {
            "127.0.0.1:1".to_owned()
        } else {
            self.world.agent.http().to_string()
        };
        vec![(
            "https://openclaw-agent.up.railway.app",
            format!("http://{http}"),
        )]
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.world.agent.socket.clone()
    }

    /// What the agent has logged.
    pub(crate) fn log(&self) -> String {
        self.world.agent.output().0.join("\n")
    }

    pub(crate) async fn end(mut self) {
        if self.stopped {
            let url = self.world.sim.url();
            self.world.agent.start_again(&url).await;
        }
        // What an agent was told by a fault is not for it to prevent.
        self.world.finish_with_violations().await;
    }
}

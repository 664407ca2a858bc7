//! Killed at random instants while three plugins are loaded, changed and removed at once.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::rounds;
use super::scene::{Plugin, Seen, assert_clean, assert_no_process_of, seen};
use crate::client::{Client, Request};
use crate::host::{TestHost, eventually};
use crate::plugins::{built, copy};

/// Kills for each of the rounds that are asked for.
const KILLS_A_ROUND: u32 = 4;
/// The longest time until the next kill.
const LONGEST_MS: u64 = 900;

/// Numbers that look random, the same for the same seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// One plugin, whoever changes it, and what it must be.
struct Actor {
    id: &'static str,
    folder: PathBuf,
    dice: Dice,
    /// What was answered.
    known: Seen,
    /// What was asked last, without an answer.
    asked: Option<Ask>,
}

#[derive(Clone, Copy, Debug)]
enum Ask {
    Load(u64),
    Reload,
    Disable,
    Enable,
    Configure(u64),
    Unload,
}

#[tokio::test]
async fn killed_at_random_instants_during_a_storm() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let seed = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(now);
    eprintln!("KILL_SEED={seed}");
    let mut dice = Dice(seed);
    let options = TestHost::options().flags(&["--cargo", "/bin/false"]);
    let mut actors = vec![];
    for id in ["hooks", "counter", "other-versions"] {
        let library = built(if id == "other-versions" { "other-versions/v1" } else { id }).await;
        let folder = options.sources().join(id);
        copy(library.parent().unwrap(), &folder);
        actors.push(Actor { id, folder, dice: Dice(seed ^ dice.below(u64::MAX >> 33)), known: None, asked: None });
    }
    let mut host = options.start().await;
    host.load("hello").await;
    for _ in 0..rounds() * KILLS_A_ROUND {
        let client: Client = (*host).clone();
        let storm = actors.into_iter().map(|actor| tokio::spawn(actor.go_on(client.clone()))).collect::<Vec<_>>();
        tokio::time::sleep(Duration::from_millis(20 + dice.below(LONGEST_MS))).await;
        let options = host.pull_plug();
        actors = vec![];
        for actor in storm {
            actors.push(actor.await.unwrap());
        }
        assert_no_process_of(&options.plugin_dir()).await;
        host = options.start().await;
        host.call("hello/hello").await.expect(200);
        eventually("all jobs have ended", async || {
            let jobs = host.get("/api/jobs").await.expect(200).json();
            let jobs = jobs["jobs"].as_array().unwrap();
            jobs.iter().all(|job| !matches!(job["state"].as_str(), Some("queued" | "running")))
        })
        .await;
        for actor in &mut actors {
            let found = seen(&host, actor.id).await;
            let asked = actor.asked.take();
            let after = asked.and_then(|asked| asked.after(actor.id, &actor.known));
            let fits = found == actor.known || after.as_ref() == Some(&found);
            assert!(fits, "seed {seed}: `{}` was {:?}, then {asked:?}, and is {found:?}", actor.id, actor.known);
            actor.known = found;
        }
        assert_clean(&host).await;
    }
}

impl Actor {
    /// Asks for one thing after the other until the host is gone.
    async fn go_on(mut self, client: Client) -> Actor {
        loop {
            let ask = match self.dice.below(10) {
                0..3 => Ask::Load(1 + self.dice.below(3)),
                3 => Ask::Reload,
                4 | 5 => Ask::Disable,
                6 | 7 => Ask::Enable,
                8 => Ask::Configure(self.dice.below(100)),
                _ => Ask::Unload,
            };
            if let Ask::Load(version) = ask {
                self.write(version);
            }
            // A reload reads what was written for the load before.
            self.asked = Some(ask);
            let Some(answer) = self.request(ask, &client).try_send().await else { return self };
            self.asked = None;
            match (answer.status, ask.after(self.id, &self.known)) {
                (200, Some(after)) => self.known = after,
                (404 | 409, None) => {}
                (status, after) => panic!("{status} to {ask:?} of {:?}, not {after:?}: {}", self.known, answer.text()),
            }
        }
    }

    fn write(&self, version: u64) {
        let path = self.folder.join("plugin.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().map(|line| match line.split_once(':') {
            Some(("version", _)) => format!("version: {version}.0.0\n"),
            _ => format!("{line}\n"),
        });
        std::fs::write(&path, lines.collect::<String>()).unwrap();
    }

    fn request(&self, ask: Ask, client: &Client) -> Request {
        let of = |method: &str, rest: &str| client.request(method, &format!("/api/plugins/{}{rest}", self.id));
        match ask {
            Ask::Load(_) => {
                let body = json!({ "source": self.folder.join("library.so") });
                client.request("POST", "/api/plugins/load").json(&body)
            }
            Ask::Reload => of("POST", "/reload"),
            Ask::Disable => of("POST", "/disable"),
            Ask::Enable => of("POST", "/enable"),
            Ask::Configure(n) => of("PUT", "/config").json(&configuration(self.id, n)),
            Ask::Unload => of("DELETE", ""),
        }
    }
}

impl Ask {
    /// What there is after it is done; `None` when it is refused.
    fn after(self, id: &str, before: &Seen) -> Option<Seen> {
        let with = |plugin: Plugin, goal: &str| Some(Some(Plugin { goal: goal.to_owned(), ..plugin }));
        match (self, before.clone()) {
            (Ask::Load(version), before) => {
                let configuration = before.map_or(json!({}), |plugin| plugin.configuration);
                Some(Some(Plugin { version: format!("{version}.0.0"), goal: "running".to_owned(), configuration }))
            }
            (_, None) => None,
            (Ask::Reload, Some(plugin)) => match &*plugin.goal {
                "running" => with(plugin, "running"),
                _ => None,
            },
            (Ask::Enable, Some(plugin)) => with(plugin, "running"),
            (Ask::Disable, Some(plugin)) => with(plugin, "disabled"),
            (Ask::Configure(n), Some(plugin)) => Some(Some(Plugin { configuration: configuration(id, n), ..plugin })),
            (Ask::Unload, Some(_)) => Some(None),
        }
    }
}

fn configuration(id: &str, n: u64) -> Value {
    match id {
        "hooks" => json!({ "greeting": format!("hello {n}"), "live": n.is_multiple_of(2) }),
        "counter" => json!({ "step": n }),
        _ => json!({}),
    }
}

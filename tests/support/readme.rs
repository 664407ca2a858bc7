//! The commands of a README, run as they stand there: what it says that they answer is what they must answer.
//!
//! A block ```` ```sh ```` holds `plugin-host` and `curl` lines. Lines that begin with `# → ` say what the one before
//! answers: a status if it is not 2xx, then a text or JSON; `, …}` stands for fields that are not shown. `&` and `wait`
//! mean what they do in a shell.

use std::collections::VecDeque;

use serde_json::Value;
use tokio::task::JoinHandle;

use crate::client::{Answer, Request};
use crate::host::{TestHost, eventually};
use crate::plugins;

/// A README that is being followed.
pub(crate) struct Readme {
    plugin: String,
    steps: VecDeque<Step>,
}

/// A command, and what it answers.
struct Step {
    command: String,
    expected: Option<String>,
}

impl Readme {
    pub(crate) fn of(plugin: &str) -> Readme {
        let text = std::fs::read_to_string(plugins::source(plugin).join("README.md")).unwrap();
        let mut steps = VecDeque::new();
        for block in text.split("```sh\n").skip(1) {
            let (block, _) = block.split_once("```").expect("a block ends");
            for line in block.replace("\\\n", "").lines().filter(|line| !line.is_empty()) {
                match line.strip_prefix('#') {
                    None => steps.push_back(Step { command: line.to_owned(), expected: None }),
                    Some(said) => steps.back_mut().expect("a command stands first").expect(said),
                }
            }
        }
        Readme { plugin: plugin.to_owned(), steps }
    }

    /// Starts the host of the first command, with `library` in place of the folder.
    pub(crate) async fn serve(&mut self, library: &std::path::Path, change: impl Fn(&str) -> String) -> TestHost {
        for step in &mut self.steps {
            step.command = change(&step.command);
        }
        let is_serve = |step: &Step| step.command.starts_with("plugin-host serve ");
        let at = self.steps.iter().position(is_serve).expect("a README starts a host");
        let step = self.steps.remove(at).expect("it was found there");
        let flags = step.command.split_once(&format!(" --load examples/{}", self.plugin)).expect("it loads itself").1;
        let host = TestHost::with(&flags.split_whitespace().collect::<Vec<_>>()).await;
        host.try_load(library).await.expect(200);
        host
    }

    /// Runs the commands up to one that begins with `stop`, or all of them.
    pub(crate) async fn follow(&mut self, host: &TestHost, stop: &str) {
        let mut background: VecDeque<JoinHandle<Answer>> = VecDeque::new();
        while let Some(step) = self.steps.pop_front() {
            let words = words(&step.command, host);
            match words[0].as_str() {
                _ if !stop.is_empty() && step.command.starts_with(stop) => break,
                "TOKEN=$(cat" => {}
                "curl" if words.last().is_some_and(|word| word == "&") => {
                    background.push_back(self.begin(host, &words[1..words.len() - 1]).await);
                }
                "curl" => step.compare(&request(host, &words[1..]).send().await),
                "wait" => step.compare(&background.pop_front().expect("something runs").await.unwrap()),
                "plugin-host" => {
                    let words: Vec<_> = words[1..].iter().map(String::as_str).collect();
                    let output = host.command(&words).await;
                    assert!(output.status.success(), "{}: {output:?}", step.command);
                }
                _ => panic!("nobody knows how to run `{}`", step.command),
            }
        }
        // Whoever closes the shell leaves.
        background.iter().for_each(JoinHandle::abort);
    }

    /// Begins a call, and waits until the plugin has it: with `-N` until the answer begins.
    async fn begin(&self, host: &TestHost, words: &[String]) -> JoinHandle<Answer> {
        let mut call = request(host, words).open().await;
        let head = if words.contains(&"-N".to_owned()) {
            Some(call.head(false).await)
        } else {
            let in_flight = format!("plugin_host_in_flight_requests{{plugin=\"{}\"}}", self.plugin);
            eventually("the call is in flight", || async { host.metric(&in_flight).await > 0.0 }).await;
            None
        };
        tokio::spawn(async move {
            let head = match head {
                Some(head) => head,
                None => call.head(false).await,
            };
            Answer { body: call.rest().await, is_whole: call.is_whole(), ..head }
        })
    }
}

impl Step {
    /// Takes what stands behind a `#`.
    fn expect(&mut self, said: &str) {
        match (&mut self.expected, said.strip_prefix(" → ")) {
            (None, first) => self.expected = Some(first.expect("an answer begins with `# → `").to_owned()),
            (Some(expected), None) => *expected += &format!("\n{}", said.strip_prefix("   ").unwrap_or(said)),
            (Some(_), Some(_)) => panic!("`{}` has two answers", self.command),
        }
    }

    fn compare(&self, answer: &Answer) {
        let expected = self.expected.as_deref().unwrap_or_default();
        let told = || format!("{}\n{expected}\n{} {}", self.command, answer.status, answer.text());
        let (status, expected) = match expected.split_once(' ') {
            Some((status, rest)) if status.len() == 3 && status.parse::<u16>().is_ok() => (Some(status), rest),
            _ => (None, expected),
        };
        match status {
            Some(status) => assert_eq!(answer.status.to_string(), status, "{}", told()),
            None => assert!((200..300).contains(&answer.status), "{}", told()),
        }
        assert!(answer.is_whole, "{}", told());
        let shown = expected.replace(", …}", "}");
        match (serde_json::from_str::<Value>(&shown), serde_json::from_slice::<Value>(&answer.body)) {
            (Ok(Value::Object(shown_fields)), Ok(found)) if shown != expected => {
                for (name, value) in &shown_fields {
                    assert_eq!(&found[name], value, "{name}: {}", told());
                }
            }
            (Ok(shown), Ok(found)) => assert_eq!(found, shown, "{}", told()),
            _ if self.expected.is_some() => assert_eq!(answer.text().trim_end(), expected.trim_end(), "{}", told()),
            _ => {}
        }
    }
}

/// What `curl` would send.
fn request(host: &TestHost, words: &[String]) -> Request {
    let (mut method, mut headers, mut data, mut url) = (None, Vec::new(), Vec::new(), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().expect("an option has a value").as_str();
        match word.as_str() {
            "-X" => method = Some(value()),
            "-H" => headers.push(value().split_once(": ").expect("a header has a name")),
            "-d" => data.push(value()),
            "-o" => drop(value()),
            "-N" => {}
            option if option.starts_with('-') => panic!("nobody knows what `curl {option}` is"),
            word => url = word.strip_prefix("http://127.0.0.1:4000"),
        }
    }
    if !data.is_empty() && !headers.iter().any(|(name, _)| *name == "content-type") {
        headers.push(("content-type", "application/x-www-form-urlencoded"));
    }
    let usual = if data.is_empty() { "GET" } else { "POST" };
    let request = host.anonymous().request(method.unwrap_or(usual), url.expect("it calls the host"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    request.body(data.join("&").as_bytes())
}

/// The words of a command, without their quotes.
fn words(command: &str, host: &TestHost) -> Vec<String> {
    let (mut words, mut quote, mut is_in_word) = (vec![String::new()], None, false);
    for c in command.chars() {
        match (c, quote) {
            ('\'' | '"', None) => (quote, is_in_word) = (Some(c), true),
            (c, Some(open)) if c == open => quote = None,
            (' ', None) if is_in_word => {
                words.push(String::new());
                is_in_word = false;
            }
            (' ', None) => {}
            (c, _) => {
                words.last_mut().expect("there is always one").push(c);
                is_in_word = true;
            }
        }
    }
    if !is_in_word {
        words.pop();
    }
    let token = host.token.as_deref().unwrap_or_default();
    words.into_iter().map(|word| word.replace("$TOKEN", token)).collect()
}

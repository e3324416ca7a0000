//! The program beside real peers: an issuer of tokens, a provider of sign-ins, a sender of webhooks, a mail server and an
//! object store, all by other hands. `scripts/peer-tools` brings them.

mod mail;
mod media;
mod notices;
mod outgoing;
mod sign_ins;
mod tokens;
mod webhooks;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use fithire_kernel::testing::World;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::program::root;
use crate::server::{Server, configured};

/// A process that ends with what holds it.
struct Process(Child);

/// A peer that runs.
pub(crate) struct Peer {
    _process: Process,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Where it is.
    pub(crate) url: String,
    control: String,
}

impl Peer {
    /// Starts one of `app/tests/peers/` and reads where it is.
    pub(crate) fn start(script: &str, arguments: &[&str]) -> Self {
        let mut peer = Self::spawn(script, arguments);
        let [url, control] = ["url: ", "control: "].map(|what| {
            let line = peer.line();
            line.strip_prefix(what).unwrap_or_else(|| panic!("{line} is not {what}…")).to_owned()
        });
        Self { url, control, ..peer }
    }

    /// Starts the signer of webhooks.
    pub(crate) fn signer() -> Self {
        let mut peer = Self::spawn("sign.mjs", &[]);
        assert_eq!(peer.line(), "ready");
        peer
    }

    #[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
    fn spawn(script: &str, arguments: &[&str]) -> Self {
        let node = std::env::var("FITHIRE_TEST_NODE").unwrap_or_else(|_| "node".to_owned());
        let mut child = Command::new(node)
            .arg(root().join("app/tests/peers").join(script))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node is there, which scripts/peer-tools sees to");
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { _process: Process(child), input, output, url: String::new(), control: String::new() }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).unwrap();
        assert!(read > 0, "the peer ended; does FITHIRE_TEST_PEERS name a folder with its modules?");
        line.trim_end().to_owned()
    }

    /// Asks its control.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.control));
        let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{text}");
        text
    }

    /// A token with these claims; one that is null is left out.
    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_with(claims, &json!({}))
    }

    pub(crate) fn token_with(&self, claims: &Value, header: &Value) -> String {
        self.ask("POST", "/token", &json!({"claims": claims, "header": header}).to_string())
    }

    /// How often its keys were fetched.
    pub(crate) fn fetches(&self) -> u32 {
        self.ask("GET", "/fetches", "").trim().parse().unwrap()
    }

    /// What the signer answers to a line.
    fn sign(&mut self, what: &Value) -> String {
        writeln!(self.input, "{what}").unwrap();
        self.line()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server with issuers and whatever else its file says.
pub(crate) struct Configured {
    pub(crate) server: Server,
    file: NamedTempFile,
}

impl Configured {
    pub(crate) fn start(world: &World, toml: &str) -> Self {
        Self::at(world, toml, 0)
    }

    /// At a port that somebody else has to know beforehand.
    pub(crate) fn at(world: &World, toml: &str, port: u16) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        let mut program = configured(world);
        program.arg("serve").arg("--port").arg(port.to_string()).arg("--config").arg(file.path());
        let server = Server::started(&mut program).0;
        Self { server, file }
    }

    /// The status of an operation for a token.
    pub(crate) fn status(&self, path: &str, token: &str) -> u16 {
        self.server.send("GET", path, Some(token), None).status
    }

    /// The file that it was configured by.
    pub(crate) fn file(&self) -> &std::path::Path {
        self.file.path()
    }
}

/// An issuer of Clerk's kind whose organisation `org_acme` is the brand `acme`.
pub(crate) fn clerk(issuer: &Peer, more: &str) -> String {
    format!(
        "[[identity.issuers]]\nname = \"clerk\"\nkind = \"clerk\"\nissuer = \"{}\"\n\
         authorized_parties = [\"https://app.acme.test\"]\norganisations = {{ org_acme = \"acme\" }}\n\
         trust_email = true\n{more}\n",
        issuer.url
    )
}

/// A port that is free.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Tries until it is so, for at most so many seconds.
pub(crate) fn until(seconds: u64, what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..seconds * 10 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{what}: not within {seconds} seconds");
}

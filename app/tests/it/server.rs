//! The program as a running server, and requests to it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use fithire_kernel::testing::World;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A running server; it is stopped when it is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) url: String,
    log: NamedTempFile,
}

/// What the server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) body: String,
}

impl Server {
    /// Makes a brand with an admin and serves it.
    pub(crate) fn start(world: &World) -> Self {
        let mut init = configured(world);
        init.args(["init", "--brand", "Acme Studios", "--admin", "boss@acme.test"]);
        let mut child =
            init.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}: {}", world.dialect, String::from_utf8_lossy(&output.stderr));
        Self::on(&mut configured(world))
    }

    /// Serves what is there.
    pub(crate) fn on(program: &mut Command) -> Self {
        Self::started(program.args(["serve", "--port", "0"])).0
    }

    /// Starts a program and waits until it answers; also what it printed before that.
    pub(crate) fn started(program: &mut Command) -> (Self, Vec<String>) {
        let log = NamedTempFile::new().unwrap();
        let child = program.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut server = Self { child, url: String::new(), log };
        let mut lines = Vec::new();
        for line in BufReader::new(server.child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("url: ") {
                url.clone_into(&mut server.url);
                return (server, lines);
            }
            lines.push(line);
        }
        panic!("it did not start: {}", server.log());
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<(&str, &str)>,
    ) -> Answer {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut response = match body {
            Some((kind, body)) => agent.run(request.header("Content-Type", kind).body(body).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        }
        .unwrap();
        let body = response.body_mut().read_to_string().unwrap();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    pub(crate) fn token(&self) -> String {
        let credentials = json!({"email": "boss@acme.test", "password": PASSWORD}).to_string();
        let answer = self.send("POST", "/api/v1/auth/token", None, Some(("application/json", &credentials)));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program on the database of a test.
pub(crate) fn configured(world: &World) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fithire"));
    command
        .current_dir(world.folder().unwrap_or(&std::env::temp_dir()))
        .env("FITHIRE_DATABASE__URL", &world.url)
        .env("FITHIRE_DATABASE__OWNER_URL", &world.owner_url);
    command
}

//! The program on a made-up brand, as a process of its own.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::measured::{Measured, now};

/// A server on a made-up brand whose manager has signed in, with no limit on what one may ask.
pub(crate) struct Demo {
    pub(crate) process: Measured,
    pub(crate) url: String,
    /// Until it answered, with its brand on disk.
    pub(crate) started_in: Duration,
    pub(crate) token: String,
    agent: ureq::Agent,
    _folder: TempDir,
}

impl Demo {
    /// Makes a brand of so many coaches and serves it.
    pub(crate) fn open(coaches: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().display().to_string();
        let mut made = run(&folder, &["demo", "--coaches", coaches, "--data", &data]);
        let password = made.says("manager: ").split_once(" / ").unwrap().1.to_owned();
        made.says("url: ");
        drop(made);
        let began = now();
        let mut process = run(&folder, &["serve", "--port", "0"]);
        let url = process.says("url: ");
        let started_in = began.elapsed();
        let agent = ureq::Agent::new_with_defaults();
        let body = json!({"email": "manager@demo.test", "password": password}).to_string();
        let request = agent.post(format!("{url}/api/v1/auth/token")).content_type("application/json");
        let answer = request.send(body).unwrap().body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { process, url, started_in, token, agent, _folder: folder }
    }

    pub(crate) fn get(&self, path: &str) -> String {
        get(&self.agent, &format!("{}{path}", self.url), &self.token)
    }

    /// The numbers of its jobs.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let list: Value = serde_json::from_str(&self.get("/api/v1/jobs?limit=40")).unwrap();
        list["items"].as_array().unwrap().iter().map(|job| job["id"].to_string()).collect()
    }
}

/// The program with its data in a folder.
fn run(folder: &TempDir, arguments: &[&str]) -> Measured {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fithire"));
    program
        .current_dir(folder.path())
        .env("FITHIRE_DATABASE__URL", format!("sqlite:{}", folder.path().join("fithire.db").display()))
        .env("FITHIRE_MEDIA__PORT", "0")
        .args(arguments)
        .stderr(Stdio::null());
    for of in ["ADDRESS", "ACCOUNT", "KEY"] {
        program.env(format!("FITHIRE_RATES__{of}"), "100000000");
    }
    Measured::start(&mut program)
}

pub(crate) fn get(agent: &ureq::Agent, url: &str, token: &str) -> String {
    let request = agent.get(url).header("Authorization", format!("Bearer {token}"));
    request.call().unwrap().body_mut().read_to_string().unwrap()
}

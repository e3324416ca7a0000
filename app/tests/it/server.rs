//! The program as a running server, and requests to it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::World;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

/// Bytes that one request or the head of its answer may have.
const BUFFER: usize = 32 << 10;

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

    /// The same, leaving tasks to others.
    pub(crate) fn without_worker(program: &mut Command) -> Self {
        Self::started(program.args(["serve", "--port", "0", "--no-worker"])).0
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
        let bearer = token.map(|token| format!("Bearer {token}"));
        let mut headers: Vec<(&str, &str)> =
            bearer.iter().map(|bearer| ("Authorization", &bearer[..])).collect();
        // Whatever is there is to be changed, unless a test is about that.
        headers.extend((method == "PATCH").then_some(("If-Match", "*")));
        self.send_with(method, path, &headers, body)
    }

    /// Sends a request with headers; redirects are not followed.
    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<(&str, &str)>,
    ) -> Answer {
        let config = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0);
        // Where nothing is optimised, filling the usual ones takes a fifth of the time of tests that ask much.
        let config = config.input_buffer_size(BUFFER).output_buffer_size(BUFFER);
        let agent: ureq::Agent = config.build().into();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = match body {
            Some((kind, body)) => agent.run(request.header("Content-Type", kind).body(body).unwrap()),
            None => agent.run(request.body(()).unwrap()),
        }
        .unwrap();
        // What is compressed stays so, and is no text.
        let body = String::from_utf8_lossy(&response.body_mut().read_to_vec().unwrap()).into_owned();
        Answer { status: response.status().as_u16(), headers: response.headers().clone(), body }
    }

    pub(crate) fn token(&self) -> String {
        self.token_of("boss@acme.test")
    }

    /// Everybody has the same password.
    pub(crate) fn token_of(&self, email: &str) -> String {
        let credentials = json!({"email": email, "password": PASSWORD}).to_string();
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

/// A browser without scripts: it keeps cookies and follows nothing by itself.
pub(crate) struct Browser<'s> {
    server: &'s Server,
    /// A token that it sends everywhere, as no browser does by itself.
    bearer: Option<String>,
    cookies: RefCell<BTreeMap<String, String>>,
    set: RefCell<String>,
}

impl<'s> Browser<'s> {
    pub(crate) fn new(server: &'s Server) -> Self {
        Self { server, bearer: None, cookies: RefCell::default(), set: RefCell::default() }
    }

    /// The same with a server that stands on the same database.
    pub(crate) fn at(&self, server: &'s Server) -> Self {
        let (bearer, cookies) = (self.bearer.clone(), self.cookies.clone());
        Self { server, bearer, cookies, set: RefCell::default() }
    }

    pub(crate) fn with_bearer(server: &'s Server, token: &str) -> Self {
        Self { bearer: Some(format!("Bearer {token}")), ..Self::new(server) }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, None)
    }

    pub(crate) fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.post_from(path, form, None)
    }

    /// Sends a form as a page of an origin would.
    pub(crate) fn post_from(&self, path: &str, form: &[(&str, &str)], origin: Option<&str>) -> Answer {
        let form = serde_urlencoded::to_string(form).unwrap();
        self.send("POST", path, Some(("application/x-www-form-urlencoded", &form)), origin)
    }

    /// Sends the form of a page, with the token that it carries.
    pub(crate) fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let token = crate::pages::token(&self.get(page).body);
        self.post(action, &[&[("form_token", &*token)], fields].concat())
    }

    /// Sends the form of a page with a file.
    pub(crate) fn upload(&self, page: &str, fields: &[(&str, &str)], file: (&str, &str)) -> Answer {
        let token = crate::pages::token(&self.get(page).body);
        self.post_file(page, &[&[("form_token", &*token)], fields].concat(), file)
    }

    /// Sends a form with a file.
    pub(crate) fn post_file(&self, path: &str, fields: &[(&str, &str)], file: (&str, &str)) -> Answer {
        let field = |(name, value): &(&str, &str)| {
            format!("--part\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let fields: String = fields.iter().map(field).collect();
        let (name, content) = file;
        let body = format!(
            "{fields}--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
             Content-Type: text/csv\r\n\r\n{content}\r\n--part--\r\n"
        );
        self.send("POST", path, Some(("multipart/form-data; boundary=part", &body)), None)
    }

    /// Fills in the form of the sign-in.
    pub(crate) fn sign_in(&self, email: &str, password: &str) -> Answer {
        let page = self.get("/sign-in").body;
        let token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        self.post("/sign-in", &[("email", email), ("password", password), ("form_token", token)])
    }

    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
    }

    /// The last cookie that was set with a value, as the server wrote it.
    pub(crate) fn last_set_cookie(&self) -> String {
        self.set.borrow().clone()
    }

    fn send(&self, method: &str, path: &str, body: Option<(&str, &str)>, origin: Option<&str>) -> Answer {
        let cookies =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let cookies = cookies.join("; ");
        let mut headers = vec![("Cookie", &cookies[..])];
        headers.extend(origin.map(|origin| ("Origin", origin)));
        headers.extend(self.bearer.iter().map(|bearer| ("Authorization", &**bearer)));
        let answer = self.server.send_with(method, path, &headers, body);
        for set in answer.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if value.is_empty() {
                self.cookies.borrow_mut().remove(name);
            } else {
                set.clone_into(&mut self.set.borrow_mut());
                self.set_cookie(name, value);
            }
        }
        answer
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
        .current_dir(world.folder())
        .env("FITHIRE_DATABASE__URL", &world.url)
        .env("FITHIRE_DATABASE__OWNER_URL", &world.owner_url)
        // The one beside a port that was found free may be somebody else's.
        .env("FITHIRE_MEDIA__PORT", "0")
        .env("FITHIRE_MEDIA__FOLDER", world.folder().join("media"))
        // Tests ask more than people do.
        .env("FITHIRE_RATES__ADDRESS", "1000000")
        // Whoever receives what they send is on this machine.
        .env("FITHIRE_WEBHOOKS__ALLOW_PRIVATE", "true")
        .env("FITHIRE_RATES__ACCOUNT", "1000000");
    command
}

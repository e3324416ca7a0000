//! The API as integrators meet it: its document passes a linter; clients in four languages are generated from it and
//! compiled; those in TypeScript and Python do the main job against a server; and whatever a fuzzer makes of the document is
//! answered as the document says. `scripts/client-tools` brings the tools.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fithire_identity::testing::PASSWORD;
use fithire_kernel::testing::{World, on_both};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hostile::document;
use crate::people::{People, email, furnished};
use crate::program::root;
use crate::requests::{Line, operations};
use crate::server::{Server, configured};

/// What `scripts/client-tools` has put somewhere.
#[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
fn tool(name: &str) -> PathBuf {
    std::env::var(name).expect("scripts/client-tools names it").into()
}

/// Runs a program, in a folder and with the tools in its path, and gives what it printed.
fn run(folder: &Path, program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let node = tool("FITHIRE_TEST_CLIENTS_NODE");
    let places = [
        node.parent().unwrap().display().to_string(),
        tool("FITHIRE_TEST_CLIENTS_PYTHON").join("bin").display().to_string(),
        path(),
    ];
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", places.join(":"))
        .envs(variables.iter().copied())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {told}\n{why}");
    told
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// The document in the tree, which another test holds against the code.
fn committed() -> String {
    root().join("openapi/fithire.json").display().to_string()
}

/// A folder for TypeScript, with what npm would have brought.
fn folder_of_node() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(
        tool("FITHIRE_TEST_CLIENTS").join("node_modules"),
        folder.path().join("node_modules"),
    )
    .unwrap();
    folder
}

#[test]
fn the_document_passes_the_linter_and_a_worse_one_does_not() {
    let folder = folder_of_node();
    let rules = root().join("openapi/spectral.yaml").display().to_string();
    let lint = |document: &str| {
        let linter = folder.path().join("node_modules/@stoplight/spectral-cli/dist/index.js");
        Command::new(tool("FITHIRE_TEST_CLIENTS_NODE"))
            .arg(linter)
            .args(["lint", "--fail-severity=warn", "--ruleset", &rules, document])
            .output()
            .unwrap()
    };
    let output = lint(&committed());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));

    let mut worse = document();
    worse["paths"]["/api/v1/jobs"]["post"]["summary"] = json!("creates jobs.");
    worse["components"]["schemas"]["Job"]["properties"]["title"] = json!({"oneOf": [{"type": "string"}]});
    worse["components"]["examples"]["NewJob"]["value"]["threshold"] = json!("high");
    let path = folder.path().join("worse.json");
    fs::write(&path, worse.to_string()).unwrap();
    let told = String::from_utf8(lint(&path.display().to_string()).stdout).unwrap();
    for rule in ["operation-summary", "no-unions", "oas3-valid-media-example"] {
        assert!(told.contains(rule), "{rule}: {told}");
    }
}

/// What whoever walks the main job has seen, beside what the API says.
fn has_walked(people: &People, told: &str) {
    let seen: Value = serde_json::from_str(told.trim()).unwrap_or_else(|_| panic!("{told}"));
    let url = format!("/api/v1/jobs/{}/candidates?limit=100", seen["job"]);
    let page = people.server.send("GET", &url, Some(people.ours.token("admin")), None).json();
    let ranked = page["candidates"].as_array().unwrap();
    let ranked: Vec<Value> = ranked.iter().map(|one| json!([one["coach_id"], one["fitscore"]])).collect();
    assert!(ranked.len() > 7, "{page}");
    assert_eq!(seen["candidates"], json!(ranked));
    assert_eq!(seen["pages"], ranked.len().div_ceil(3));
    assert_eq!(seen["problem"], json!([422, "invalid", "/threshold"]));
    assert_eq!(seen["refused"], "unauthenticated");
}

/// What the quick start and the walk are told of the server.
fn variables(people: &People) -> Vec<(&'static str, String)> {
    vec![
        ("FITHIRE_URL", people.server.url.clone()),
        ("FITHIRE_KEY", people.ours.token("key").to_owned()),
        ("FITHIRE_EMAIL", email("admin", people.ours.mark)),
        ("FITHIRE_PASSWORD", PASSWORD.to_owned()),
    ]
}

/// Runs the commands at the head of a quick start, without the first, which installs what is there already; in a folder
/// with nothing else.
fn quick_start(folder: &Path, name: &str, variables: &[(&str, &str)]) -> String {
    let text = fs::read_to_string(root().join("docs/quickstart").join(name)).unwrap();
    assert!(text.lines().count() < 10, "{name} has under ten lines, its commands included");
    let commands: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# ").or(line.strip_prefix("// "))).collect();
    assert!(commands[0].contains(" install "), "{}", commands[0]);
    fs::write(folder.join(name), &text).unwrap();
    run(folder, "bash", &["-euc", &commands[1..].join("\n")], variables)
}

/// The document as the server gives it, a client of it, the ten lines of the guide, and then the main job.
fn on_sqlite(walk: impl AsyncFn(&People, &[(&str, &str)])) {
    on_both(async |world| {
        if world.dialect != "SQLite" {
            return;
        }
        let people = furnished(&world).await;
        let variables = variables(&people);
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
        walk(&people, &variables).await;
    });
}

#[test]
fn a_client_in_typescript_does_the_main_job() {
    on_sqlite(async |people, variables| {
        let folder = folder_of_node();
        let ranked = quick_start(folder.path(), "quickstart.mts", variables);
        assert!(ranked.contains(people.ours.mark), "{ranked}");
        fs::copy(root().join("app/tests/clients/walk.mts"), folder.path().join("walk.mts")).unwrap();
        let options = json!({"compilerOptions": {
            "strict": true, "noEmit": true, "module": "nodenext", "target": "es2022", "types": ["node"],
            "allowImportingTsExtensions": true, "erasableSyntaxOnly": true, "verbatimModuleSyntax": true,
        }, "files": ["fithire.ts", "quickstart.mts", "walk.mts"]});
        fs::write(folder.path().join("tsconfig.json"), options.to_string()).unwrap();
        run(folder.path(), "node", &["node_modules/typescript/bin/tsc", "--project", "."], &[]);
        has_walked(people, &run(folder.path(), "node", &["walk.mts"], variables));
    });
}

#[test]
fn a_client_in_python_does_the_main_job() {
    on_sqlite(async |people, variables| {
        let folder = tempfile::tempdir().unwrap();
        let ranked = quick_start(folder.path(), "quickstart.py", variables);
        assert!(ranked.contains(people.ours.mark), "{ranked}");
        run(folder.path(), "python", &["-m", "compileall", "-q", "fit_hire_client"], &[]);
        let walk = root().join("app/tests/clients/walk.py").display().to_string();
        let folder_of_client = folder.path().display().to_string();
        let variables = [variables, &[("PYTHONPATH", &*folder_of_client)]].concat();
        has_walked(people, &run(folder.path(), "python", &[&walk], &variables));
    });
}

#[test]
fn the_sample_of_the_guide_verifies_what_is_sent() {
    on_sqlite(async |people, _| {
        let (receive, folder) = (root().join("app/tests/clients/receive.py"), root().join("docs/quickstart"));
        let mut python = Command::new(tool("FITHIRE_TEST_CLIENTS_PYTHON").join("bin/python"))
            .args(["-B", &receive.display().to_string(), &folder.display().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(python.stdout.take().unwrap()).lines().map(Result::unwrap);
        let url = format!("http://127.0.0.1:{}/", told.next().unwrap());
        let send = |path: &str, body: &str| {
            let body = Some(("application/json", body));
            people.server.send("POST", path, Some(people.ours.token("admin")), body).json()
        };
        let webhook = send("/api/v1/webhooks", &json!({"url": url, "kinds": ["coach.erased"]}).to_string());
        writeln!(python.stdin.take().unwrap(), "{}", webhook["secret"].as_str().unwrap()).unwrap();
        send(&format!("/api/v1/webhooks/{}/test", webhook["id"]), "{}");
        assert_eq!(told.next().unwrap(), "[true, true, false, false]");
        assert!(python.wait().unwrap().success());
    });
}

/// The generator of clients in Java and Rust.
fn generator() -> String {
    let packages = fs::read_dir(tool("FITHIRE_TEST_CLIENTS_PYTHON").join("lib")).unwrap();
    let jar = |folder: fs::DirEntry| {
        folder.path().join("site-packages/openapi_generator_cli/openapi-generator.jar")
    };
    let jar = packages.map(|folder| jar(folder.unwrap())).find(|jar| jar.exists());
    jar.expect("the generator is there").display().to_string()
}

fn generate(folder: &Path, options: &[&str]) {
    let jar = generator();
    let (committed, to) = (committed(), folder.display().to_string());
    let only = "models,apis,supportingFiles,modelDocs=false,apiDocs=false,modelTests=false,apiTests=false";
    let all = [&["-jar", &jar, "generate", "-i", &committed, "-o", &to, "--global-property", only], options]
        .concat();
    run(folder, "java", &all, &[]);
}

#[test]
fn a_client_in_java_compiles() {
    let folder = tempfile::tempdir().unwrap();
    // Models by the libraries that the generator brings along itself, so that no registry of Java's is needed.
    let options = "openApiNullable=false,hideGenerationTimestamp=true";
    generate(folder.path(), &["-g", "java", "--library", "native", "--additional-properties", options]);
    let annotations = tool("FITHIRE_TEST_CLIENTS_ANNOTATIONS");
    let libraries = format!("{}:{}", generator(), annotations.display());
    let files = run(folder.path(), "find", &["src/main", "-name", "*.java"], &[]);
    fs::write(folder.path().join("files"), &files).unwrap();
    let options = ["-nowarn", "-proc:none", "-d", "out", "-classpath", &libraries, "@files"];
    run(folder.path(), "javac", &options, &[]);
    assert!(folder.path().join("out/org/openapitools/client/api/MatchingApi.class").exists());
}

#[test]
fn a_client_in_rust_compiles() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), &["-g", "rust", "--additional-properties", "packageName=fithire_client"]);
    let manifest = folder.path().join("Cargo.toml");
    // Not part of the workspace around it.
    let text = fs::read_to_string(&manifest).unwrap() + "\n[workspace]\n";
    fs::write(manifest, text).unwrap();
    // What it needs is as it was; made anew by `cargo generate-lockfile` when the generator asks for other crates.
    fs::copy(root().join("app/tests/clients/Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
    // Kept from run to run, so that what it needs is compiled once.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("client").display().to_string();
    // Every error is found without making a program of it.
    let options = ["check", "--locked", "--no-default-features", "--quiet", "--target-dir", &target];
    run(folder.path(), env!("CARGO"), &options, &[]);
    let checked = fs::read_dir(Path::new(&target).join("debug/deps")).unwrap();
    let is_client =
        |file: fs::DirEntry| file.file_name().display().to_string().starts_with("libfithire_client");
    assert!(checked.map(Result::unwrap).any(is_client));
}

/// Where a fuzzer finds something: the parameters of each path, with ids of ours in their places.
fn places(document: &Value, people: &People) -> String {
    let of_line = |line: Line| {
        let paths = document["paths"].as_object().unwrap();
        let of = |methods: &Value| methods[line.1.to_lowercase()]["operationId"] == line.0;
        let (path, _) = paths.iter().find(|(_, methods)| of(methods)).unwrap();
        let ours = line.2.split('?').next().unwrap();
        let pairs = path.trim_start_matches("/api/v1").split('/').zip(ours.split('/'));
        let named = pairs.filter_map(|(name, ours)| {
            let name = name.strip_prefix('{')?.strip_suffix('}')?;
            let ours = ours.strip_prefix('{')?.strip_suffix('}')?;
            Some(format!("\"path.{name}\" = {}", people.ours.text(ours)))
        });
        let named: Vec<String> = named.collect();
        format!(
            "[[operations]]\ninclude-operation-id = \"{}\"\nparameters = {{ {} }}\n\n",
            line.0,
            named.join(", ")
        )
    };
    operations().filter(|line| line.2.contains('{')).map(of_line).collect()
}

/// Sends what Schemathesis makes of the document, some of it right and some of it wrong, as an admin.
#[expect(clippy::print_stdout, reason = "what was sent is worth reading when nothing is wrong")]
async fn fuzzed(world: &World, examples: &str) {
    let people = furnished(world).await;
    // What a fuzzer calls a webhook is called by nobody.
    let server = Server::without_worker(&mut configured(world));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("schemathesis.toml"), places(&document(), &people)).unwrap();
    // A token counts where it was issued.
    let token = server.token_of(&email("admin", people.ours.mark));
    let bearer = format!("Authorization: Bearer {token}");
    let (document, python) = (committed(), tool("FITHIRE_TEST_CLIENTS_PYTHON").join("bin/schemathesis"));
    let told = run(
        folder.path(),
        &python.display().to_string(),
        &[
            "run",
            &document,
            "--url",
            &server.url,
            "--header",
            &bearer,
            "--seed",
            "1",
            "--max-examples",
            examples,
            "--continue-on-failure",
            "--suppress-health-check",
            "all",
            // Some rules are between two fields, or with what is there; a shape cannot say them.
            "--exclude-checks",
            "positive_data_acceptance",
        ],
        &[],
    );
    let found = |line: &str| told.contains(line);
    assert!(found(&format!("Tested: {}", operations().count())), "{told}");
    // Nobody makes up a password that is right, or an issuer's signature; everything else was let in.
    assert!(found("Authentication failed: 2 operations"), "{told}");
    let answered = server.send("GET", "/api/v1/webhooks", Some(&token), None).status;
    assert_eq!(answered, 200, "the token is still good: {told}");
    println!("{}", told.split("= SUMMARY =").nth(1).unwrap_or(&told));
    let log = server.log();
    let failures: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "tests are configured by their runner")]
fn whatever_is_sent_is_answered_as_the_document_says() {
    let examples = if std::env::var("FITHIRE_TEST_SOAK").is_ok() { "1000" } else { "10" };
    on_both(async |world| {
        if world.dialect == "SQLite" || examples == "1000" {
            fuzzed(&world, examples).await;
        }
    });
}

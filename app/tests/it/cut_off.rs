//! The file system goes away under a database that is being written to, as when the machine loses its power: what was not
//! forced onto the disk is gone. Nothing that was acknowledged may be.
//!
//! Only root may mount a file system, and only Linux cuts one off: `just soak` runs this, `scripts/test` does not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::busy::{Busy, coaches, signal};
use crate::peers::{free_port, until};
use crate::server::Server;

const CYCLES: usize = 50;

/// A file system in a file, mounted into a folder of its own.
struct Disk {
    folder: tempfile::TempDir,
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Disk {
    fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(disk.path()).unwrap();
        std::fs::File::create(disk.image()).unwrap().set_len(512 << 20).unwrap();
        run("mkfs.ext4", &["-q", disk.image().to_str().unwrap()]);
        disk.mount();
        disk
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("mounted")
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", self.image().to_str().unwrap(), self.path().to_str().unwrap()]);
    }

    fn unmount(&self) {
        run("umount", &[self.path().to_str().unwrap()]);
    }

    /// Ends the file system at once: neither data nor journal that it still has in memory reaches the disk.
    fn cut_off(&self) {
        /// `EXT4_IOC_SHUTDOWN` with `EXT4_GOING_FLAGS_NOLOGFLUSH`: there is no safe call for it in Rust.
        const CUT_OFF: &str = "import fcntl, os, struct, sys\n\
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";
        run("python3", &["-c", CUT_OFF, self.path().to_str().unwrap()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).output();
    }
}

/// A demo with its data in a folder, and the token of its manager.
fn demo(folder: &Path, port: u16) -> (Server, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_fithire"));
    program
        .args(["demo", "--coaches", "20", "--jobs", "2", "--port", &port.to_string(), "--data"])
        .arg(folder);
    let (server, lines) = Server::started(&mut program);
    let (email, password) =
        lines.iter().find_map(|line| line.strip_prefix("manager: ")?.split_once(" / ")).unwrap();
    let who = json!({"email": email, "password": password}).to_string();
    let answer = server.send("POST", "/api/v1/auth/token", None, Some(("application/json", &who)));
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    (server, token)
}

#[test]
#[ignore = "mounts a file system, which root alone may; `just soak` runs it"]
#[expect(clippy::print_stdout, reason = "how far it was tried is worth reading")]
fn what_was_acknowledged_outlives_the_file_system() {
    let (disk, port) = (Disk::new(), free_port());
    let mut saved = Vec::new();
    for cycle in 0..CYCLES {
        let (mut server, token) = demo(&disk.path(), port);
        let jobs = server.send("GET", "/api/v1/jobs?limit=1", Some(&token), None).json();
        let busy = Busy::new(&server.url, &token, jobs["items"][0]["id"].as_i64().unwrap());
        std::thread::scope(|scope| {
            let busy = &busy;
            let client = |n| scope.spawn(move || busy.until_stopped(&format!("{cycle}-{n}")));
            let clients: Vec<_> = (0..3).map(client).collect();
            until(60, "it is busy", || busy.answered() > 10);
            sleep(Duration::from_millis(fastrand::u64(0..300)));
            disk.cut_off();
            sleep(Duration::from_millis(50));
            signal(&server, "-KILL");
            busy.stop();
            saved.extend(clients.into_iter().flat_map(|client| client.join().unwrap().0));
        });
        server.child.wait().unwrap();
        disk.unmount();
        disk.mount();
    }
    let (server, token) = demo(&disk.path(), port);
    let there = coaches(&server, &token);
    let lost: Vec<&String> = saved.iter().filter(|id| !there.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{lost:?} were acknowledged and are lost");
    println!("{CYCLES} times cut off: {} coaches acknowledged, 0 lost", saved.len());
}

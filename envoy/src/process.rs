//! A program under test's control: its output is kept, and it never outlives the test.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How many lines of the log a failed test shows.
const TAIL: usize = 60;

/// A running program. Dropping it kills it; when the test is failing, the end of its log is printed.
pub struct Process {
    name: String,
    child: Child,
    folder: PathBuf,
}

impl Process {
    /// Starts `command`, its output going to `log` in `folder` (see [`folder`]).
    pub fn start(name: &str, folder: PathBuf, command: &mut Command) -> Self {
        let child = spawn(&folder, command);
        Self { name: name.to_owned(), child, folder }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts `command` in place of a program that was killed. The log goes on.
    pub fn start_again(&mut self, command: &mut Command) {
        self.child = spawn(&self.folder, command);
    }

    /// The operating system's number for it.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything it printed so far.
    pub fn log(&self) -> String {
        read(&self.folder.join("log"))
    }

    /// The content of another file in its folder; empty while there is none.
    pub fn file(&self, name: &str) -> String {
        read(&self.folder.join(name))
    }

    /// How it ended, if it has.
    pub fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child to wait for")
    }

    /// Waits until `ready` holds. Fails the test when the process ends before, or time runs out.
    pub fn wait_until(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) {
        let start = Instant::now();
        while !ready() {
            if let Some(status) = self.exit_status() {
                panic!("{} ended at start ({status})", self.name);
            }
            assert!(start.elapsed() < limit, "{} is not ready after {limit:?}", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let shown = lines[lines.len().saturating_sub(TAIL)..].join("\n");
            eprintln!("--- the end of {}'s log ({}):\n{shown}\n---", self.name, self.folder.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn spawn(folder: &Path, command: &mut Command) -> Child {
    let log = File::options().create(true).append(true).open(folder.join("log")).expect("a log file");
    let command = command.stdin(Stdio::null()).stdout(log.try_clone().expect("a second handle")).stderr(log);
    command.spawn().unwrap_or_else(|error| panic!("{} does not start: {error}", command.get_program().display()))
}

/// A new folder for one process; it is removed when the test succeeds.
pub fn folder(name: &str) -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("latchkey-{name}-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    folder
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

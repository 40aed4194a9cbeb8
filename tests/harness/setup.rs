//! What a gateway is started with.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Gateway, Process};

/// A folder with a configuration, and how to start a gateway on it.
pub(crate) struct Setup {
    folder: TempDir,
    config_file: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    log: PathBuf,
}

/// Where in its folder the configuration is.
pub(crate) const CONFIG_FILE: &str = "config/tallygate.toml";

/// Ports that the system chooses; the gateway tells which.
const ANY_PORT: &str = "127.0.0.1:0";

// === impl Setup ===

impl Setup {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("config")).expect("a folder for the configuration");
        share_compiled_plugins(&folder.path().join("data"));
        Self::again(folder)
    }

    /// On the folder of a gateway that has ended.
    pub(crate) fn again(folder: TempDir) -> Self {
        let log = folder.path().join("stderr.log");
        let arguments = ["--listen", ANY_PORT, "--ops-listen", ANY_PORT].map(str::to_owned).to_vec();
        Self { config_file: folder.path().join(CONFIG_FILE), folder, arguments, environment: Vec::new(), log }
    }

    /// Where the gateway will look for its configuration, if there is a file.
    pub(crate) fn config_file(&self) -> &Path {
        &self.config_file
    }

    /// Writes the configuration file.
    pub(crate) fn config(self, text: &str) -> Self {
        fs::write(&self.config_file, text).expect("the folder is writable");
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With these flags instead of those that choose free ports.
    pub(crate) fn only_flags(mut self, flags: &[&str]) -> Self {
        self.arguments = flags.iter().map(|flag| (*flag).to_owned()).collect();
        self
    }

    /// With one more flag.
    pub(crate) fn flag(mut self, flag: &str) -> Self {
        self.arguments.push(flag.to_owned());
        self
    }

    /// Puts the log into the folder of the configuration, where a change of it is a change beside the configuration.
    pub(crate) fn log_beside_config(mut self) -> Self {
        self.log = self.config_file.with_file_name("tallygate.log");
        self
    }

    /// Where the gateway will keep its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts the gateway and waits until it is ready.
    pub(crate) fn start(self) -> Gateway {
        // One at a time: the first that needs a plugin compiles it, the others find it compiled.
        static STARTING: Mutex<()> = Mutex::new(());
        let _turn = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let process = Process::start(self.command(), &self.log);
        Gateway::of(process, self.folder)
    }

    /// Starts the gateway, kills it after so long, whatever it does then, and gives the folder.
    pub(crate) fn start_and_kill(self, after: Duration) -> TempDir {
        let mut process = Process::start(self.command(), &self.log);
        std::thread::sleep(after);
        process.signal(Signal::KILL);
        process.wait();
        self.folder
    }

    /// Starts the gateway, which is expected to end by itself, and gives its exit code and what it said.
    pub(crate) fn expect_to_fail(&self) -> (Option<i32>, String) {
        let mut process = Process::start(self.command(), &self.log);
        (process.wait().code(), process.log())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tallygate"));
        forget_own_variables(&mut command);
        command.arg("serve").current_dir(self.folder.path()).args(&self.arguments);
        command.env("TALLYGATE_DATA_DIR", self.folder.path().join("data"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if self.config_file.exists() {
            command.arg("--config").arg(&self.config_file);
        }
        command
    }
}

/// What whoever runs the tests has set for a gateway of theirs must not reach the ones under test.
pub(crate) fn forget_own_variables(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TALLYGATE_") {
            command.env_remove(name);
        }
    }
}

/// Makes a data directory whose compiled plugins are those of all tests: compiling them takes seconds in a debug build.
fn share_compiled_plugins(data: &Path) {
    fs::create_dir(data).expect("a new folder");
    symlink(shared_compiled_plugins(), data.join("compiled")).expect("a new link");
}

/// Where the compiled plugins of all tests are.
pub(crate) fn shared_compiled_plugins() -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled-plugins");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&shared).expect("the target folder is writable");
    shared
}

//! The parent of the process that compiles.
//!
//! A compiler is a large program that is fed by strangers. In a process of its own it can neither slow the threads that
//! serve, nor take the gateway with it when it crashes or recurses too deeply, nor keep the memory that it needed.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::CompileLimits;
use crate::artifact::Artifact;

/// Compiling in a process of its own.
#[derive(Clone, Debug)]
pub struct Apart {
    /// A program that calls [`compile_for_parent`](super::compile_for_parent): best this very one, since code is only
    /// taken from a compiler of the same version and settings.
    pub program: PathBuf,
    /// What makes the program do so. Two more arguments follow: milliseconds of processor time, and bytes of memory.
    pub arguments: Vec<OsString>,
    /// All that the program finds in its environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What the process may use.
    pub limits: CompileLimits,
}

/// However little of a processor the compiler gets, after so many times its limit by the clock it ends.
const CLOCK_FACTOR: u32 = 10;
/// How often the parent looks whether the compiler has ended.
const LOOK: Duration = Duration::from_millis(5);
/// What is kept of the compiler's words.
const WORDS: u64 = 4096;

/// A process that has ended, for good, when this is dropped.
struct Reaped(Child);

/// What became of the process.
struct Ending {
    /// Nothing if it was ended by the clock.
    status: Option<ExitStatus>,
    code: Vec<u8>,
    words: String,
}

// === impl Apart ===

impl Apart {
    pub(super) fn compile(&self, wasm: &[u8]) -> Result<Artifact, String> {
        let seconds = u32::try_from(self.limits.seconds()).unwrap_or(u32::MAX);
        self.compile_within(wasm, Duration::from_secs(seconds.into()).saturating_mul(CLOCK_FACTOR))
    }

    fn compile_within(&self, wasm: &[u8], clock: Duration) -> Result<Artifact, String> {
        let ending = self
            .run(wasm, clock)
            .map_err(|error| format!("the compiler {} cannot be run: {error}", self.program.display()))?;
        match ending.status {
            Some(status) if status.success() => Artifact::from_bytes(ending.code).ok_or_else(|| {
                format!("{} wrote something else than compiled code; is it this gateway?", self.program.display())
            }),
            Some(status) => Err(self.refusal(status, ending.words.trim())),
            None => Err(format!(
                "the compiler had not ended after {} s by the clock; is the machine overloaded? swap.compile_time \
                 bounds its processor time, and a multiple of it the time by the clock",
                clock.as_secs()
            )),
        }
    }

    fn run(&self, wasm: &[u8], clock: Duration) -> io::Result<Ending> {
        let child = Reaped(self.command().spawn()?);
        std::thread::scope(|scope| {
            // The process must end before the threads can, so it belongs to this closure, however that is left.
            let mut child = child;
            let pipes = (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
            let (Some(mut input), Some(output), Some(errors)) = pipes else {
                return Err(io::Error::other("its pipes are missing"));
            };
            // A process that ends before it has read everything has a reason, which its status and words tell.
            thread(scope, move || drop(input.write_all(wasm)))?;
            let code = thread(scope, move || read(output, self.limits.memory as u64))?;
            let words = thread(scope, move || read(errors, WORDS))?;
            let status = child.wait(clock)?;
            drop(child);
            let gone = || io::Error::other("a thread that read from it panicked");
            let code = code.join().map_err(|_| gone())?;
            let words = words.join().map_err(|_| gone())?;
            Ok(Ending { status, code, words: String::from_utf8_lossy(&words).into_owned() })
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .arg(self.limits.time.as_millis().to_string())
            .arg(self.limits.memory.to_string())
            // What the gateway was told in its environment, secrets perhaps, is no business of the compiler's.
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn refusal(&self, status: ExitStatus, words: &str) -> String {
        let CompileLimits { memory, .. } = self.limits;
        // The allocator's last words, and those of a mapping or a thread that the kernel refused.
        let out_of_memory =
            ["memory allocation of", "os error 12", "os error 11"].iter().any(|sign| words.contains(sign));
        match (status.signal(), status.code()) {
            (Some(signal), _) if signal == Signal::XCPU.as_raw() => {
                format!("compiling needs more than {} s of processor time (swap.compile_time)", self.limits.seconds())
            }
            _ if out_of_memory => format!("compiling needs more than {memory} bytes of memory (swap.compile_memory)"),
            (Some(signal), _) if words.is_empty() => format!("the compiler was ended by signal {signal}"),
            (Some(signal), _) => format!("the compiler was ended by signal {signal}: {words}"),
            (_, Some(1)) if !words.is_empty() => words.to_owned(),
            _ => format!("the compiler failed ({status}): {words}"),
        }
    }
}

// === impl Reaped ===

impl Reaped {
    /// Waits for the process to end by itself. Nothing when it has not done so in time.
    fn wait(&mut self, clock: Duration) -> io::Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(Some(status));
            }
            if start.elapsed() >= clock {
                return Ok(None);
            }
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Reaped {
    fn drop(&mut self) {
        // Both fail only for a process that has ended and been waited for, which is what they are to bring about.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn thread<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().name("compile".into()).spawn_scoped(scope, work)
}

/// Everything up to a bound. What lies beyond it is left, and so its writer ends.
fn read(source: impl Read, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What was read before an error is judged as if the writer had ended there.
    drop(source.take(most).read_to_end(&mut bytes));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A shell as the compiler: it is given the script, and the limits as the script's arguments.
    fn shell(script: &str) -> Apart {
        Apart {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), "/usr/bin:/bin".into())],
            limits: CompileLimits { time: Duration::from_secs(1), memory: 1 << 30 },
        }
    }

    fn refusal(script: &str, clock: Duration) -> String {
        shell(script).compile_within(&[0; 1 << 20], clock).err().expect("is refused")
    }

    #[test]
    fn every_way_to_end_is_told_apart() {
        let long = Duration::from_secs(60);
        for (script, expected) in [
            ("echo garbage", "wrote something else than compiled code"),
            ("exit 0", "wrote something else than compiled code"),
            ("cat > /dev/null; echo 'no such thing' >&2; exit 1", "no such thing"),
            ("exit 3", "the compiler failed (exit status: 3)"),
            ("kill -XCPU $$", "more than 1 s of processor time (swap.compile_time)"),
            ("echo 'memory allocation of 7 bytes failed' >&2; kill -ABRT $$", "more than 1073741824 bytes of memory"),
            ("kill -SEGV $$", "ended by signal 11"),
            ("yes >&2 & yes | head -c 10000000; kill $!; exit 1", "y\ny\n"),
        ] {
            let message = refusal(script, long);
            assert!(message.contains(expected), "{script}: {message}");
        }
    }

    #[test]
    fn a_compiler_that_never_ends_is_ended_by_the_clock() {
        for script in ["exec sleep 1000", "exec sleep 1000 <&- >&- 2>&-"] {
            let message = refusal(script, Duration::from_millis(50));
            assert!(message.contains("by the clock"), "{script}: {message}");
        }
    }

    #[test]
    fn a_compiler_that_is_not_there_is_named() {
        let apart = Apart { program: "/nowhere/compiler".into(), ..shell("") };
        let message = apart.compile(b"").err().expect("is refused");
        assert!(message.contains("/nowhere/compiler cannot be run"), "{message}");
    }
}

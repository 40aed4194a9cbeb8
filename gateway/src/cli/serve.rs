//! `tallygate serve`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, LocalOptions};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::App;
use crate::reload::ConfigSource;
use crate::swap::{Hint, Signature};

pub(super) fn run(source: &ConfigSource, accept_damage: bool) -> Result<ExitCode> {
    // Looked at before it is read: what changes in between is seen later.
    let seen = source.file.as_deref().and_then(Signature::of);
    let config = match source.load() {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return Ok(ExitCode::FAILURE);
        }
    };
    super::start_logging(config.log_level);
    source.warn(&config);
    let app = App::build(config, source.clone(), accept_damage)?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let served = runtime.block_on(async {
        // Before anybody is told that it is ready, and sends one.
        let (shutdown, hangup) = (shutdown()?, hangup()?);
        let running = app.start(seen)?;
        hint_at_hangup(hangup, running.hint());
        shutdown.await;
        running.drain().await;
        Ok(())
    });
    // A reload that hangs, in a file system or a compiler, does not keep the process alive.
    runtime.shutdown_background();
    served.map(|()| ExitCode::SUCCESS)
}

/// Ends at the first SIGTERM or SIGINT.
fn shutdown() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn hangup() -> Result<Signal> {
    signal(SignalKind::hangup()).context("cannot wait for SIGHUP")
}

/// SIGHUP asks for the configuration to be read again.
fn hint_at_hangup(mut hangup: Signal, hint: Hint) {
    tokio::task::spawn_local(async move {
        while hangup.recv().await.is_some() {
            hint.give();
        }
    });
}

//! The configuration while the gateway runs: read again on SIGHUP and when the file changes. A bad one changes nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::config::{Config, Override};
use crate::serving::Loader;
use crate::worker::Shared;

/// Where the configuration comes from, and who says that it may have changed.
pub(crate) struct Reloader {
    source: Source,
    hints: mpsc::Receiver<()>,
    /// Kept alive for as long as it is to watch.
    _watcher: Option<notify::RecommendedWatcher>,
}

/// What a configuration is read from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) file: Option<PathBuf>,
    pub(crate) overrides: Vec<Override>,
}

/// Gives a hint that the configuration may have changed.
#[derive(Clone)]
pub(crate) struct Hint(mpsc::Sender<()>);

/// Writers seldom write once; what comes within this time is one change.
const SETTLE: Duration = Duration::from_millis(100);

// === impl Source ===

impl Source {
    pub(crate) fn load(&self) -> Result<Config, crate::config::Problems> {
        Config::load(self.file.as_deref(), &self.overrides)
    }
}

// === impl Reloader ===

impl Reloader {
    /// Watches the file of the source, if it has one.
    pub(crate) fn new(source: Source) -> (Self, Hint) {
        let (sender, hints) = mpsc::channel(1);
        let hint = Hint(sender);
        let watcher = source.file.as_deref().and_then(|file| match watch(file, hint.clone()) {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "cannot watch the configuration; send SIGHUP to reload");
                None
            }
        });
        (Self { source, hints, _watcher: watcher }, hint)
    }

    /// Reloads at every hint, for ever.
    pub(crate) async fn run(mut self, shared: Arc<Shared>, loader: Loader, mut config: Config) {
        let loader = Arc::new(loader);
        while self.hints.recv().await.is_some() {
            sleep_until(Instant::now() + SETTLE).await;
            while self.hints.try_recv().is_ok() {}
            let (source, current, loader, shared) =
                (self.source.clone(), config.clone(), Arc::clone(&loader), Arc::clone(&shared));
            // Compiling takes its time, and a thread that may take it.
            let reloaded = tokio::task::spawn_blocking(move || reload(&source, &current, &loader, &shared)).await;
            if let Ok(Some(new)) = reloaded {
                config = new;
            }
        }
    }
}

// === impl Hint ===

impl Hint {
    pub(crate) fn give(&self) {
        // If one is waiting already, this change will be seen with it.
        let _full = self.0.try_send(());
    }
}

/// Loads the configuration and lets it serve. `None` if it cannot, and the old one serves on.
fn reload(source: &Source, current: &Config, loader: &Loader, shared: &Shared) -> Option<Config> {
    let config = match source.load() {
        Ok(config) => config,
        Err(problems) => {
            shared.metrics.config_reloaded("refused");
            tracing::error!("the configuration has problems, the old one stays: {problems}");
            return None;
        }
    };
    let before = shared.serving.load();
    match loader.load(&config, Some(&before)) {
        Ok(serving) => {
            shared.in_flight.set_limit(config.ingest.max_in_flight);
            let serving = Arc::new(serving);
            shared.serving.store(Arc::clone(&serving));
            loader.published(&serving, Some(&before));
        }
        Err(problems) => {
            shared.metrics.config_reloaded("refused");
            for problem in problems {
                tracing::error!("the old configuration stays: {problem}");
            }
            return None;
        }
    }
    warn_of_what_needs_a_restart(current, &config);
    shared.metrics.config_reloaded("ok");
    tracing::info!("configuration reloaded");
    Some(config)
}

fn warn_of_what_needs_a_restart(old: &Config, new: &Config) {
    let changed = [
        ("data_dir", old.data_dir != new.data_dir),
        ("log_level", old.log_level != new.log_level),
        ("ingest.listen", old.ingest.listen != new.ingest.listen),
        ("ingest.workers", old.ingest.workers != new.ingest.workers),
        ("ops.listen", old.ops.listen != new.ops.listen),
        ("addresses", old.addresses != new.addresses),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("{key} was changed; that takes effect at the next start");
    }
}

/// Watches the folder rather than the file: editors and Kubernetes replace files, they do not write into them.
///
/// Whatever else happens in the folder gives no hint. The gateway's own log may lie there, and a reload writes to it.
fn watch(file: &Path, hint: Hint) -> notify::Result<notify::RecommendedWatcher> {
    let (watched, mut seen) = (file.to_path_buf(), std::fs::read(file).ok());
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| event.kind.is_access()) {
            return;
        }
        let now = std::fs::read(&watched).ok();
        if now != seen {
            seen = now;
            hint.give();
        }
    })?;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

//! The command line.

mod bench;
mod check;
mod client;
mod compile_plugin;
mod forget;
mod plugin;
mod query;
mod serve;
mod table;
mod terminal;
mod workshop;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::compiler;
use crate::config::Override;
use crate::reload::ConfigSource;

#[derive(Parser)]
#[command(
    name = "tallygate",
    version,
    about = "Log ingestion gateway: exact unique client IPs",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take logs in and count
    Serve(Serve),
    /// Tell every problem of a configuration, and what a data directory has lost
    Check(Check),
    /// Send load to a gateway and measure its answers
    Bench(bench::Bench),
    /// Write, build, test, try, measure and inspect plugins; list, deploy and roll back those of a running gateway
    #[command(after_help = "The admin token of a running gateway (ops.admin_token) is read from TALLYGATE_TOKEN.")]
    Plugin {
        #[command(subcommand)]
        command: plugin::Plugin,
    },
    /// Tell which addresses came when: of a running gateway, or of a data directory
    #[command(
        after_help = "Without --data-dir and --config, a running gateway is asked; it is sent what TALLYGATE_TOKEN holds (ops.read_token or \
                      ops.admin_token)."
    )]
    Query {
        #[command(subcommand)]
        command: query::Query,
    },
    /// Forget addresses, as if they had never come
    #[command(after_help = "The admin token (ops.admin_token) of a running gateway is read from TALLYGATE_TOKEN.")]
    Forget(forget::Forget),
    /// Print a completion script
    Completions {
        /// Which shell to complete for
        shell: clap_complete::Shell,
    },
    /// Compile the plugin on standard input for the gateway that started this
    #[command(name = compiler::COMMAND, hide = true)]
    CompilePlugin(compile_plugin::CompilePlugin),
}

#[derive(Args)]
struct Serve {
    #[command(flatten)]
    config: ConfigArgs,
    /// Where visits, the journal and plugins are kept [overrides data_dir]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Go on with what is whole if acknowledged visits are lost, this once
    #[arg(long)]
    accept_damage: bool,
    /// Where logs are taken in [overrides ingest.listen]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Where metrics and health are served [overrides ops.listen]
    #[arg(long, value_name = "ADDR")]
    ops_listen: Option<SocketAddr>,
}

#[derive(Args)]
struct Check {
    #[command(flatten)]
    config: ConfigArgs,
    /// A data directory that is to be looked through for damage, too
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
}

#[derive(Args, Clone)]
struct ConfigArgs {
    /// The configuration; without it, every key has its default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs the command that the process was started with.
///
/// The code is 0 when it did its work, 1 when the work failed or found problems, 2 when it was called wrongly.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "here the environment is read")]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(arguments) => serve::run(&serve_source(&arguments), arguments.accept_damage),
        Command::Check(Check { config, data_dir }) => {
            let look_at_data = data_dir.is_some();
            check::run(&source(config, [("--data-dir", &["data_dir"][..], data_dir)]), look_at_data)
        }
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Plugin { command } => {
            plugin::run(&command, &workshop::Surroundings::read(std::env::var_os, from_environment()))
        }
        Command::Query { command } => query::run(&command, &query::environment(std::env::var_os)),
        Command::Forget(arguments) => forget::run(&arguments, query::environment(std::env::var_os)),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut shown_commands(), "tallygate", &mut terminal::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::CompilePlugin(arguments) => Ok(compile_plugin::run(&arguments)),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tallygate: {error:#}");
        ExitCode::FAILURE
    })
}

/// The command line without what is not for people.
fn shown_commands() -> clap::Command {
    let all = Cli::command();
    let shown: Vec<_> = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    let bare = clap::Command::new("tallygate").version(env!("CARGO_PKG_VERSION")).args(all.get_arguments().cloned());
    bare.subcommands(shown)
}

fn serve_source(arguments: &Serve) -> ConfigSource {
    let flags: [(_, &[&str], _); 3] = [
        ("--data-dir", &["data_dir"], arguments.data_dir.clone()),
        ("--listen", &["ingest", "listen"], arguments.listen.map(|address| address.to_string())),
        ("--ops-listen", &["ops", "listen"], arguments.ops_listen.map(|address| address.to_string())),
    ];
    source(arguments.config.clone(), flags)
}

/// Flags, each with its key and value, win over the environment, the environment over the file.
fn source<'a>(
    config: ConfigArgs,
    flags: impl IntoIterator<Item = (&'a str, &'a [&'a str], Option<String>)>,
) -> ConfigSource {
    let mut overrides = from_environment();
    for (name, key, value) in flags {
        if let Some(value) = value {
            let key = key.iter().map(|part| (*part).to_owned()).collect();
            overrides.push(Override { name: name.to_owned(), key, value });
        }
    }
    ConfigSource { file: config.config, overrides }
}

#[expect(clippy::disallowed_methods, reason = "here the environment is read")]
fn from_environment() -> Vec<Override> {
    let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    Override::from_environment(std::env::vars_os().filter_map(readable))
}

/// Sends log lines to standard error: text for people at a terminal, JSON for whatever collects them elsewhere.
fn start_logging(level: tracing::Level) {
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level);
    if std::io::stderr().is_terminal() {
        builder.init();
    } else {
        builder.json().flatten_event(true).init();
    }
}

//! `tallygate plugin inspect`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use clap::Args;
use serde_json::{Value, json};
use tallygate_plugin_host::{Interfaces, Plugin, digest};

use super::Surroundings;
use super::subject::{Subject, Tuning};
use crate::cli::terminal::{self, Terminal, fit};

#[derive(Args)]
pub(in crate::cli) struct Inspect {
    /// A shipped plugin's name, a component's file, or a plugin's folder
    plugin: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tuning: Tuning,
}

/// What a component says of itself; and that it would serve, or why it would not.
pub(super) fn run(arguments: &Inspect, surroundings: &Surroundings) -> Result<ExitCode> {
    let subject = Subject::find(&arguments.plugin, &arguments.tuning)?;
    let interfaces = Interfaces::of(&subject.component).map_err(|error| anyhow!("{}: {error}", subject.name))?;
    let loaded = surroundings.sandbox()?.load(&subject);
    let mut out = terminal::stdout();
    let plugin = loaded.as_deref().ok();
    if arguments.json {
        writeln!(out, "{}", as_json(&subject, &interfaces, plugin))?;
    } else {
        for line in lines(&subject, &interfaces, plugin, &surroundings.terminal()) {
            writeln!(out, "{line}")?;
        }
    }
    loaded.map(|_| ExitCode::SUCCESS)
}

fn lines(subject: &Subject, interfaces: &Interfaces, plugin: Option<&Plugin>, terminal: &Terminal) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tell = |what: &str, text: &str| lines.push(fit(&format!("{what:<12}{text}"), terminal.width.max(40)));
    if let Some(plugin) = plugin {
        let about = plugin.about();
        tell("name", &about.name);
        tell("version", &about.version);
        tell("about", &about.about);
    }
    tell("interface", interfaces.version.as_deref().unwrap_or("none of tallygate:plugin"));
    tell("size", &format!("{} bytes", subject.component.len()));
    tell("digest", &format!("sha256:{}", digest(&subject.component)));
    tell("asks for", &asks_for(interfaces));
    tell("exports", &interfaces.exports.join(", "));
    let Some(plugin) = plugin else { return lines };
    let own: Vec<_> = plugin.reject_names().map(|(code, name)| format!("{} ({})", name, code.0)).collect();
    tell("own codes", if own.is_empty() { "none".to_owned() } else { own.join(", ") }.as_str());
    match &plugin.about().settings {
        None => tell("settings", "not told: its version of the interface has no words for them"),
        Some(settings) if settings.is_empty() => tell("settings", "none"),
        Some(settings) => {
            tell("settings", "");
            for setting in settings {
                let default = if setting.default.is_empty() { "nothing" } else { &setting.default };
                lines.push(format!("  {}", setting.name));
                lines.push(fit(&format!("    {}", setting.meaning), 400));
                lines.push(fit(&format!("    default: {default}"), 400));
            }
        }
    }
    lines
}

/// What a component imports, in plain words.
fn asks_for(interfaces: &Interfaces) -> String {
    let of_wasi = interfaces.imports.iter().filter(|name| name.starts_with("wasi:")).count();
    let others = interfaces.imports.iter().filter(|name| !name.starts_with("wasi:"));
    let asked: Vec<_> =
        others.filter(|name| !name.starts_with("tallygate:plugin/types@")).map(String::as_str).collect();
    let mut text = match asked.as_slice() {
        [] => "nothing".to_owned(),
        [log] if log.starts_with("tallygate:plugin/log@") => "nothing but the gateway's log".to_owned(),
        others => others.join(", "),
    };
    if of_wasi > 0 {
        let stubs = "system interfaces that its toolchain links in, answered by stubs that do nothing";
        text = format!("{text}; {of_wasi} {stubs}");
    }
    text
}

fn as_json(subject: &Subject, interfaces: &Interfaces, plugin: Option<&Plugin>) -> Value {
    let about = plugin.map(Plugin::about);
    let settings = about.and_then(|about| about.settings.as_ref()).map(|settings| {
        let setting = |setting: &tallygate_plugin_host::SettingInfo| {
            json!({"name": setting.name, "meaning": setting.meaning, "default": setting.default})
        };
        settings.iter().map(setting).collect::<Vec<_>>()
    });
    let own = plugin.map(|plugin| {
        let code = |(code, name): (tallygate_event::Code, &str)| json!({"code": code.0, "name": name});
        plugin.reject_names().map(code).collect::<Vec<_>>()
    });
    json!({
        "name": about.map(|about| &about.name),
        "version": about.map(|about| &about.version),
        "about": about.map(|about| &about.about),
        "wit": interfaces.version,
        "bytes": subject.component.len(),
        "digest": format!("sha256:{}", digest(&subject.component)),
        "imports": interfaces.imports,
        "asks_for": asks_for(interfaces),
        "exports": interfaces.exports,
        "rejects": own,
        "settings": settings,
    })
}

//! What administration answers, as JSON.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::swap::{Answer, Deployed, NotServed, Report, RolledBack, View, Wish};
use crate::time::rfc3339;

pub(super) fn plugin(view: &View) -> Value {
    let active = &view.active;
    let (plugin, total) = (&active.plugin, active.counts.total());
    let previous =
        view.previous.as_ref().map(|(generation, digest)| json!({"generation": generation, "digest": named(digest)}));
    let last_error = view.last_error.as_ref().map(|error| {
        let mut json = json!({"stage": error.stage, "message": error.message, "at": at(error.at)});
        if let Some(shown) = &error.report {
            json["shadow"] = report(shown);
        }
        json
    });
    json!({
        "name": plugin.name(),
        "generation": active.generation,
        "digest": named(plugin.digest()),
        "version": plugin.version(),
        "wit": plugin.wit(),
        "source": active.source.name(),
        "state": if view.on_probation { "probation" } else { "serving" },
        "since": at(view.since),
        "accepted": total.accepted,
        "rejected": total.rejected,
        "refused": total.refused,
        "traps": active.failures.load(Ordering::Relaxed),
        "previous": previous,
        "last_error": last_error,
    })
}

pub(super) fn deployed(name: &str, deployed: &Deployed, wish: Wish) -> Value {
    let mut json = json!({
        "name": name,
        "generation": deployed.generation,
        "digest": named(&deployed.digest),
        "published": deployed.published,
        "unchanged": deployed.unchanged,
        "dry_run": wish.dry_run,
        "shadow": report(&deployed.report),
    });
    if wish.dry_run {
        json["would_publish"] = json!(wish.force || deployed.report.within().is_ok());
    }
    json
}

pub(super) fn rolled_back(name: &str, done: &RolledBack) -> Value {
    json!({"name": name, "generation": done.to, "digest": named(&done.digest), "rolled_back": done.from})
}

pub(super) fn refused(refusal: &NotServed) -> Value {
    let mut json = json!({"error": {"code": "refused", "stage": refusal.stage.name(), "message": refusal.message}});
    if let Some(shown) = &refusal.report {
        json["shadow"] = report(shown);
    }
    json
}

fn report(report: &Report) -> Value {
    let routes = report
        .routes
        .iter()
        .map(|route| json!({"route": route.route, "replayed": route.replayed, "different": route.different}));
    let examples = report.examples.iter().map(|example| {
        json!({
            "route": example.route,
            "record": example.record,
            "old": answer(&example.old),
            "new": answer(&example.new),
        })
    });
    let (old, new) = report.nanoseconds();
    json!({
        "replayed": report.replayed(),
        "different": report.different(),
        "bound": report.bound,
        "unstable": report.unstable,
        "routes": routes.collect::<Vec<_>>(),
        "examples": examples.collect::<Vec<_>>(),
        "old_nanoseconds": old,
        "new_nanoseconds": new,
    })
}

fn answer(answer: &Answer) -> Value {
    match answer {
        Answer::Accepted { ip, time } => {
            json!({"ip": ip.map(|ip| ip.to_string()), "time": time.map(rfc3339)})
        }
        Answer::Rejected { code, message } => json!({"code": code, "message": message}),
    }
}

fn at(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn named(digest: &str) -> String {
    format!("sha256:{digest}")
}

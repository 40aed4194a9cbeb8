//! Administration, as whoever has the token does it.

use serde_json::Value;

use super::{Connection, Gateway, PATIENCE_TO_COMPILE, Reply, Request, within};

pub(crate) const TOKEN: &str = "correct-horse";

/// What a configuration needs for there to be administration.
pub(crate) const ADMIN: &str = "ops.admin_token = \"correct-horse\"\n";

impl Gateway {
    /// Asks the operations port, with the token.
    pub(crate) fn administer(&self, request: Request) -> Reply {
        Connection::to(self.ops()).exchange(&request.with_token())
    }

    /// Uploads a component. `query` is empty or begins with a question mark.
    pub(crate) fn deploy(&self, plugin: &str, query: &str, component: impl AsRef<[u8]>) -> Reply {
        let request = Request::new("PUT", &format!("/admin/plugins/{plugin}{query}")).body(component).with_token();
        Connection::with_patience(self.ops(), PATIENCE_TO_COMPILE).exchange(&request)
    }

    pub(crate) fn roll_back(&self, plugin: &str) -> Reply {
        self.administer(Request::post(&format!("/admin/plugins/{plugin}/rollback")))
    }

    /// What is known of one plugin.
    pub(crate) fn plugin(&self, name: &str) -> Value {
        let all = self.administer(Request::get("/admin/plugins")).expect(200).json();
        let found = all["plugins"].as_array().expect("a list").iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {all}")).clone()
    }

    /// Waits until this generation serves.
    pub(crate) fn wait_for_generation(&self, plugin: &str, generation: u64) {
        within(PATIENCE_TO_COMPILE, &format!("generation {generation} of {plugin}"), || {
            let serves = self.metrics().sum("tallygate_plugin_generation", &[("plugin", plugin)]);
            (serves == generation).then_some(())
        });
    }

    /// Waits until the last candidate was refused with these words in the message, and gives the error.
    pub(crate) fn wait_for_refusal(&self, plugin: &str, stage: &str, words: &str) -> Value {
        within(PATIENCE_TO_COMPILE, &format!("{plugin} to be refused at {stage}: {words}"), || {
            let error = self.plugin(plugin)["last_error"].clone();
            let message = error["message"].as_str().unwrap_or_default();
            (error["stage"] == stage && message.contains(words)).then_some(error)
        })
    }
}

impl Request {
    pub(crate) fn with_token(self) -> Self {
        self.header("Authorization", format!("Bearer {TOKEN}"))
    }
}

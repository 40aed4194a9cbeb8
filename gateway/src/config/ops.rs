//! The section `[ops]`: the operations port.

use std::net::SocketAddr;

use super::key::{Effect, Key, Keys, Rule};
use super::secret::Secret;
use super::section::Section;
use super::units::{ADDRESS, SECRET, SECRET_FILE};

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Ops {
    pub(crate) listen: SocketAddr,
    /// What a request for administration must bring; `None`: there is no administration.
    pub(crate) admin_token: Option<Secret>,
    /// What a question must bring; `None`: questions are answered on this machine alone.
    pub(crate) read_token: Option<Secret>,
}

pub(super) const KEYS: Keys = Keys {
    rules: &[Rule::NotBoth("admin_token", "admin_token_file"), Rule::NotBoth("read_token", "read_token_file")],
    ..Keys::table(
        "ops",
        &[
            Key::new(
                "listen",
                &ADDRESS,
                r#""0.0.0.0:9102""#,
                Effect::Restart,
                "Where metrics and health are served, to whoever asks, and questions answered: keep it off public networks.",
            ),
            Key::optional(
                "admin_token",
                &SECRET,
                r#""…""#,
                Effect::NextRequest,
                "What a request to `/admin` must bring; without it `/admin` answers 404.",
            )
            .comment(
                "What requests to /admin must bring as \"Authorization: Bearer TOKEN\". Without it, or a file that holds it, \
                 /admin answers 404. Visible ASCII characters without spaces. TALLYGATE_OPS__ADMIN_TOKEN=… keeps the token out \
                 of files.",
            ),
            Key::optional(
                "admin_token_file",
                &SECRET_FILE,
                r#""/run/secrets/tallygate-admin-token""#,
                Effect::NextRequest,
                "The file that holds it, instead; read at each reload.",
            )
            .comment(
                "The file that holds it, instead; not both. What is around the token in the file does not count. A changed \
                 file is read at the next reload.",
            ),
            Key::optional(
                "read_token",
                &SECRET,
                r#""…""#,
                Effect::NextRequest,
                "What a question under `/v1` must bring; without it only this machine may ask.",
            )
            .comment(
                "The same for questions about visits, under /v1. Without one, they are answered on this machine alone, and not \
                 through a proxy. The admin token is good for them, too.",
            ),
            Key::optional(
                "read_token_file",
                &SECRET_FILE,
                r#""/run/secrets/tallygate-read-token""#,
                Effect::NextRequest,
                "The file that holds it, instead; read at each reload.",
            ),
        ],
    )
};

pub(super) fn read(mut section: Section<'_>) -> Ops {
    let listen = section.take("listen", &ADDRESS);
    let admin_token = token(&mut section, "admin_token", "admin_token_file");
    let read_token = token(&mut section, "read_token", "read_token_file");
    section.finish();
    Ops { listen, admin_token, read_token }
}

fn token(section: &mut Section<'_>, key: &'static str, key_of_file: &'static str) -> Option<Secret> {
    section.at_most_one(key, key_of_file);
    let given = section.optional(key, &SECRET);
    let in_file = section.optional(key_of_file, &SECRET_FILE);
    given.or(in_file)
}

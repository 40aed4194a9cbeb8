//! Accepts every record as 0.0.0.0 without a look at it: what remains is the cost of the boundary.

wit_bindgen::generate!({ path: "../../../wit/1.0.0", world: "plugin" });

use exports::tallygate::plugin::extractor::{Guest, Info, Outcome};

struct Empty;

impl Guest for Empty {
    fn describe() -> Info {
        Info {
            name: "empty".into(),
            version: "0.1.0".into(),
            about: "Accepts everything, reads nothing.".into(),
            rejects: vec![],
            settings: vec![],
        }
    }

    fn configure(_: Vec<(String, String)>) -> Result<(), String> {
        Ok(())
    }

    fn extract(_: Vec<u8>, bounds: Vec<u32>, _: i64) -> Outcome {
        let records = bounds.len() / 2;
        Outcome { status: vec![0; records], v4: vec![0; records], v6: vec![], times: vec![] }
    }

    fn explain(_: Vec<u8>, _: i64) -> Result<String, String> {
        Ok("accepted unread".into())
    }
}

export!(Empty);

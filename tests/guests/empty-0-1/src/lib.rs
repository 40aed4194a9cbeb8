//! The guest `empty`, built for version 0.1.0 of the interface: to be served beside it, and to compare what the boundary costs.

wit_bindgen::generate!({ path: "../../../wit/0.1.0", world: "plugin" });

use exports::tallygate::plugin::extractor::{Guest, Info, Outcome};

struct Empty;

impl Guest for Empty {
    fn describe() -> Info {
        Info {
            name: "empty".into(),
            version: "0.1.0".into(),
            about: "Accepts everything, reads nothing.".into(),
            rejects: vec![],
        }
    }

    fn configure(_: Vec<(String, String)>) -> Result<(), String> {
        Ok(())
    }

    fn extract(_: Vec<u8>, starts: Vec<u32>, _: Vec<u32>) -> Outcome {
        Outcome { status: vec![0; starts.len()], v4: vec![0; starts.len()], v6: vec![], times: vec![] }
    }

    fn explain(_: Vec<u8>) -> Result<String, String> {
        Ok("accepted unread".into())
    }
}

export!(Empty);

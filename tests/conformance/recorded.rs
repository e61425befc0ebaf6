//! What all the other tests made cross the wires, kept by `tests/run` in the
//! folder that `UNHOOK_EXCHANGES` names.

use std::io::{BufRead as _, BufReader};

use unhook::sim::Exchange;

use super::{Descriptions, Tally};

/// Run by the stage `wire` of `tests/run`, after the stage `tests`.
#[test]
#[ignore = "needs the record of a whole run; tests/run asks for it"]
fn all_that_the_tests_made_cross_the_wires_is_as_described() {
    let folder = std::env::var_os("UNHOOK_EXCHANGES").expect("UNHOOK_EXCHANGES names the folder");
    let Some(descriptions) = Descriptions::open() else {
        return;
    };
    let mut tally = Tally::default();
    for entry in std::fs::read_dir(folder).expect("the folder is read") {
        let path = entry.expect("an entry").path();
        let file = std::fs::File::open(&path).expect("opened");
        for line in BufReader::new(file).lines() {
            let exchange: Exchange =
                serde_json::from_str(&line.expect("a line")).expect("an exchange");
            tally.add(&descriptions, &[exchange]);
        }
    }
    tally.print();
    assert!(tally.seen().len() > 20, "the record is nearly empty");
    tally.assert_clean();
}

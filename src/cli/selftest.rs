//! `depositd selftest`: 0 if this binary meets every published vector, or 1 and which it does not.

use serde_json::json;

use crate::delivery::selftest::{self, LEFT_TO_DOORS, VECTORS};

use super::{
    exit::{FAILURE, Failure},
    show::{self, Shown},
};

pub(super) fn run(as_json: bool) -> Result<(), Failure> {
    report(VECTORS, as_json)
}

fn report(vectors: &str, as_json: bool) -> Result<(), Failure> {
    let report = selftest::run(vectors).map_err(|error| Failure::new(FAILURE, error))?;
    let groups = &report.groups;
    let values = groups.iter().map(|(name, group)| {
        let failed: Vec<&str> = group.failed.iter().map(|(id, _)| id.as_str()).collect();
        json!({ "scheme": name, "passed": group.passed, "failed": failed })
    });
    let json = json!({ "schemes": values.collect::<Vec<_>>() });
    let rows =
        groups.iter().map(|(name, group)| vec![name.clone(), group.passed.to_string(), group.failed.len().to_string()]);
    Shown { json, header: vec!["SCHEME", "PASSED", "FAILED"], rows: rows.collect() }.print(as_json);
    let failures: Vec<String> = report.failures().map(|(_, id, what)| format!("{id}: {what}")).collect();
    if !failures.is_empty() {
        return Err(Failure::new(FAILURE, failures.join("\n")));
    }
    if !as_json {
        let left = LEFT_TO_DOORS.len();
        show::message(&format!("{left} refusals are decided by the merchants' HTTP doors, not by a signature"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_vectors_are_exit_0_and_a_wrong_one_is_named() {
        assert_eq!(run(false), Ok(()));
        assert_eq!(run(true), Ok(()));
        let wrong = VECTORS.replace("45c2e1341214c7554d489bbfb31663e3", "55c2e1341214c7554d489bbfb31663e3");
        let failure = report(&wrong, false).unwrap_err();
        assert!(failure.code == FAILURE && failure.to_string().starts_with("v2-cb-a-01: "), "{failure}");
        assert_eq!(report("{}", false).unwrap_err().code, FAILURE);
    }
}

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_vector_is_met() {
    let report = run(VECTORS).unwrap();
    assert_eq!(report.failures().collect::<Vec<_>>(), []);
    let counts: Vec<(&str, usize)> = GROUPS.iter().map(|(name, _)| (*name, report.groups[*name].passed)).collect();
    assert_eq!(counts, GROUPS);
    assert_eq!(report.groups.len(), GROUPS.len());
}

/// Another ASCII character in place of the one at `place` thousandths of the text.
fn changed(text: &str, place: usize) -> String {
    let mut all: Vec<char> = text.chars().collect();
    let at = (all.len() - 1) * place / 1000;
    all[at] = if all[at] == '1' { '2' } else { '1' };
    all.into_iter().collect()
}

#[test]
fn one_changed_byte_of_any_vector_is_seen() {
    for field in ["expected", "canonical"] {
        for place in [0, 333, 500, 750, 1000] {
            let mut file: Value = serde_json::from_str(VECTORS).unwrap();
            let mut ids = BTreeSet::new();
            for vector in file["vectors"].as_array_mut().unwrap() {
                ids.insert(vector["id"].as_str().unwrap().to_owned());
                let text = vector[field].as_str().unwrap().to_owned();
                vector[field] = changed(&text, place).into();
            }
            let report = run(&file.to_string()).unwrap();
            let seen: BTreeSet<String> = report.failures().map(|(_, id, _)| id.to_owned()).collect();
            assert_eq!(seen, ids, "{field} at {place}");
            assert_eq!(ids.len(), 215);
        }
    }
}

#[test]
fn one_changed_byte_of_a_callback_is_seen() {
    let mut file: Value = serde_json::from_str(VECTORS).unwrap();
    let mut ids = BTreeSet::new();
    for vector in file["vectors"].as_array_mut().unwrap() {
        let is_ours = vector["scheme"].as_str().unwrap().contains("callback") || vector["inputs"]["kind"] == "callback";
        if is_ours {
            ids.insert(vector["id"].as_str().unwrap().to_owned());
            let body = &mut vector["wire"].as_array_mut().unwrap().last_mut().unwrap()["body"];
            *body = changed(body.as_str().unwrap(), 500).into();
        }
    }
    let report = run(&file.to_string()).unwrap();
    assert_eq!(report.failures().map(|(_, id, _)| id.to_owned()).collect::<BTreeSet<_>>(), ids);
    assert_eq!(ids.len(), 19 + 19 + 18 + 18 + 12 + 6);
}

#[test]
fn a_missing_vector_and_a_changed_table_are_seen() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let failing = |change: &dyn Fn(&mut Value)| {
        let mut file = file.clone();
        change(&mut file);
        run(&file.to_string()).unwrap().failures().map(|(_, id, _)| id.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(failing(&|file| drop(file["vectors"].as_array_mut().unwrap().pop())), ["usdtcnpay_callback"]);
    assert_eq!(failing(&|file| file["amounts"][3]["crossingpay_x10000"] = "2".into()), ["amounts[3]"]);
    assert_eq!(failing(&|file| file["identifiers"][0]["udun_trade_id"] = "2".into()), ["identifiers[0]"]);
    assert_eq!(failing(&|file| file["identifiers"][5]["order_event_id"] = "2".into()), ["identifiers[5]"]);
    assert_eq!(failing(&|file| file["refusals"][0]["answer"] = "bad_request".into()), ["refuse-01"]);
    assert_eq!(failing(&|file| file["vectors"][0]["scheme"] = "unknown".into()).len(), 2);
    assert!(run("{}").is_err());
}

#[test]
fn every_refusal_is_decided_by_a_signature_or_named_as_left_to_the_doors() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let ids: Vec<&str> = file["refusals"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    let here: Vec<&str> = ids.iter().copied().filter(|id| !LEFT_TO_DOORS.contains(id)).collect();
    let decided = [1, 2, 4, 12, 13, 22, 23, 24, 25, 26, 27, 30, 31, 32, 33].map(|n| format!("refuse-{n:02}"));
    assert_eq!(here, decided);
    assert_eq!(here.len() + LEFT_TO_DOORS.len(), ids.len());
    assert!(LEFT_TO_DOORS.iter().all(|id| ids.contains(id)));
}

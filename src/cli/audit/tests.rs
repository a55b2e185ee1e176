use std::process;

use super::*;
use crate::domain::{self, Act, Action, Millis};

/// Three records as a daemon answers them.
fn records() -> Vec<AuditRecord> {
    let mut last: Option<domain::AuditRecord> = None;
    let acts = [
        (Action::AppCreate, ["app shop", "", "accept_actual"], ""),
        (Action::PolicySet, ["net USDT from 0", "finalized", "19 confirmations"], "\"fees\" – €\\"),
        (Action::PolicyClear, ["net USDT from 0", "19 confirmations", "finalized"], "over"),
    ];
    let told = (0..).zip(acts).map(|(place, (action, texts, why))| {
        let act = Act { by: "uid 0".into(), at: Millis(1_763_627_053_007 + place), why: why.into() };
        let record = domain::AuditRecord::following(last.as_ref(), act, action, texts.map(str::to_owned));
        let at = record.act.at.0;
        let nanos = i32::try_from(at % 1000 * 1_000_000).unwrap();
        let told = AuditRecord {
            number: record.number,
            time: Some(prost_types::Timestamp { seconds: i64::try_from(at / 1000).unwrap(), nanos }),
            actor: record.act.by.clone(),
            action: action.word().into(),
            subject: record.subject.clone(),
            before: record.before.clone(),
            after: record.after.clone(),
            reason: record.act.why.clone(),
            previous_hash: hex::encode(record.previous),
            hash: hex::encode(record.hash()),
        };
        last = Some(record);
        told
    });
    told.collect()
}

fn export_of(records: &[AuditRecord]) -> String {
    let mut chain = Chain::new(None);
    let mut text = String::new();
    for record in records {
        let line = Line::of(record);
        chain.take(&line).unwrap();
        text.push_str(&line.text());
        text.push('\n');
    }
    text.push_str(&chain.end().unwrap().text());
    text.push('\n');
    text
}

fn verdict(text: &str, against: Option<&str>) -> Result<u64, String> {
    verify(text.as_bytes(), against.map(|text| text.parse().unwrap())).map(|ending| ending.count)
}

#[test]
fn an_export_verifies_and_every_changed_byte_of_it_is_found() {
    let text = export_of(&records());
    assert_eq!(verdict(&text, None), Ok(3));
    assert_eq!(verdict(&export_of(&[]), None), Ok(0));
    let mut changed = 0;
    for at in 0..text.len() {
        // One letter or digit for another: what stands around them would no longer be JSON, or says the same.
        let mut bytes = text.clone().into_bytes();
        if !bytes[at].is_ascii_alphanumeric() {
            continue;
        }
        bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
        let Ok(other) = String::from_utf8(bytes) else { continue };
        assert!(verdict(&other, None).is_err(), "byte {at} changed:\n{other}");
        changed += 1;
    }
    assert!(changed > 500, "{changed}");
}

#[test]
fn the_first_broken_record_is_named() {
    let whole = export_of(&records());
    let lines: Vec<&str> = whole.lines().collect();
    let without = |left_out: usize| -> String {
        let kept = (0..).zip(&lines).filter(|(at, _)| *at != left_out);
        kept.map(|(_, line)| format!("{line}\n")).collect()
    };
    let last = records().pop().unwrap();
    let forged = format!("2:{}", "0".repeat(64));
    let beyond = format!("4:{}", last.hash);
    let genesis = format!("0:{}", hex::encode(domain::audit::GENESIS));
    for (text, against, expected) in [
        (
            whole.replace("19 confirmations\",\"reason\":\"\\\"fees", "1 confirmations\",\"reason\":\"\\\"fees"),
            None,
            "record 2: its content",
        ),
        (without(0), None, "record 2: it does not follow nothing"),
        (without(1), None, "record 3: it does not follow record 1"),
        (without(2), None, "its end names 3 records"),
        (without(3), None, "the last line is not its end"),
        (format!("{whole}{}\n", lines[0]), None, "line 5: something stands behind the end"),
        (whole.replace("policy.clear", "policy.burn"), None, "record 3: \"policy.burn\" is no action"),
        (whole.replacen("08:24:13Z", "08:24:14Z", 1), None, "record 1: time is not"),
        (whole.clone(), Some(forged), "record 2: it is another one than the checkpoint names"),
        (whole.clone(), Some(beyond), "record 4 is missing: there are only 3"),
    ] {
        let found = verdict(&text, against.as_deref()).unwrap_err();
        assert!(found.starts_with(expected), "{expected}: {found}\n{text}");
    }
    for against in [format!("3:{}", last.hash), format!("3:{}", last.hash), genesis] {
        assert_eq!(verdict(&whole, Some(&against)), Ok(3), "{against}");
    }
    for wrong in ["", "3", "3:ab", "x:00"] {
        assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong}");
    }
}

/// The verifier in tests/e2e/py knows nothing of ours but the words of the contract.
#[test]
fn another_verifier_agrees() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/py/audit_verify.py");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let run = |text: &str| {
        fs::write(&path, text).unwrap();
        process::Command::new("python3").arg(script).arg(&path).output()
    };
    let whole = export_of(&records());
    let Ok(output) = run(&whole) else {
        show::message("skipped: there is no python3 here");
        return;
    };
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("ok: 3 records"));
    let output = run(&whole.replace("app shop", "app shap")).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("record 1:"));
}

//! Who holds places, and what stays in memory of lanes that failed.

use super::*;

/// Ends what started with `sign`; a row that failed is due again at once.
fn end_all(lanes: &mut Lanes, rows: &mut Rows, flying: Vec<Start>, sign: Sign, now: u64) {
    for start in flying {
        let row = rows.take(&start.row.id);
        if sign == Sign::Failed {
            rows.put(Notification { state: NotificationState::Due(Millis(now)), ..row });
        }
        lanes.end(start.endpoint, &start.row.id, sign, Millis(now));
        lanes.news([start.endpoint]);
    }
}

#[test]
fn receivers_that_hang_cannot_hold_every_place() {
    let mut rows = (0..300).fold(Rows::default(), |rows, n| rows.with(&format!("hang{n}"), 10, 0));
    let mut lanes = lanes(256, 8);
    lanes.walked(&walk(&rows).unwrap(), Millis(1000));
    let flying = turn(&mut lanes, &rows, 1000);
    assert_eq!(flying.len(), 256, "nobody knows yet that they hang");
    end_all(&mut lanes, &mut rows, flying, Sign::Failed, 1000);
    let others = turn(&mut lanes, &rows, 1000);
    assert!(others.iter().all(|start| lanes.lanes[&start.endpoint].in_flight.len() <= 8));
    end_all(&mut lanes, &mut rows, others, Sign::Failed, 1000);
    let again = turn(&mut lanes, &rows, 1000);
    assert_eq!(again.len(), 192, "those that failed leave the last quarter");
    let mut rows = rows.with("quick", 1, 0);
    lanes.news([lane("quick")]);
    let quick = turn(&mut lanes, &rows, 1000);
    assert_eq!(quick.iter().map(|start| start.endpoint).collect::<Vec<_>>(), [lane("quick")]);
    // Their turn comes again with each place that becomes free.
    end_all(&mut lanes, &mut rows, quick, Sign::Accepted, 1001);
    end_all(&mut lanes, &mut rows, again, Sign::Answered, 1001);
    assert_eq!(turn(&mut lanes, &rows, 1001).len(), 256);
}

#[test]
fn a_lane_that_failed_and_has_nothing_left_is_forgotten_when_its_rest_is_over() {
    let mut rows = Rows::default().with("a", 4, 0);
    let mut lanes = lanes(256, 8);
    let mut flying = Vec::new();
    lanes.news([lane("a")]);
    for _ in 0..20 {
        if lanes.resting() > 0 {
            break;
        }
        end_all(&mut lanes, &mut rows, std::mem::take(&mut flying), Sign::Failed, 1000);
        flying = turn(&mut lanes, &rows, 1000);
    }
    // A person closes what is left.
    rows.rows.clear();
    lanes.news([lane("a")]);
    assert_eq!(look(&mut lanes, &rows, 20_000), [""; 0]);
    assert_eq!((lanes.resting(), lanes.len()), (1, 1), "it rests");
    lanes.take_changed();
    look(&mut lanes, &rows, 31_000);
    look(&mut lanes, &rows, 41_000);
    assert_eq!((lanes.resting(), lanes.len()), (0, 0));
    assert_eq!(lanes.take_changed(), [(lane("a"), None)], "and the board is told");
}

//! What a registration asks of the past: pure decisions about scans.

use crate::domain::{Address, Height, Millis, NetworkId, Scan, ScanTarget, Since};

/// What a registration covers on one network.
#[derive(Clone, Copy, Debug)]
pub(super) struct Past<'a> {
    pub(super) network: &'a NetworkId,
    pub(super) address: Address,
    pub(super) since: Since,
    /// First height covered by following the chain.
    pub(super) effective_from: Height,
}

/// The scan a registration needs, joined with the one its address has already: `None`, if nothing has to be read beyond
/// what is asked for already. What is not read yet stays to be read; what is read may be read again.
pub(super) fn scan_for(past: Past<'_>, known: Option<&Scan>, now: Millis) -> Option<Scan> {
    let Past { network, address, since, effective_from } = past;
    let to = effective_from.below()?;
    let next = match since {
        Since::Height(first) if first > to => return None,
        Since::Height(first) => Some(first),
        Since::Time(_) => None,
    };
    let Some(known) = known else {
        let (network, target) = (network.clone(), ScanTarget::Address(address));
        return Some(Scan { network, target, since, to, next, found: 0, created: now });
    };
    let (since, next) = match (known.since, since) {
        (Since::Height(old), Since::Height(new)) if new < old => (since, next),
        (Since::Height(_), Since::Height(_)) => (known.since, known.next),
        // The time's height is not known yet: what is known to be unread is kept beside it.
        (Since::Height(_), Since::Time(_)) => (since, known.next),
        (Since::Time(old), Since::Time(new)) => (Since::Time(old.min(new)), known.next),
        (Since::Time(_), Since::Height(new)) => (known.since, Some(known.next.map_or(new, |old| old.min(new)))),
    };
    let joined = Scan { since, next, to: known.to.max(to), ..known.clone() };
    (joined != *known).then_some(joined)
}

/// The scan once the first height of its time is known; `None`, if nothing is to be read.
pub(super) fn begun(scan: &Scan, first: Option<Height>) -> Option<Scan> {
    let start = scan.next.into_iter().chain(first).min().filter(|start| *start <= scan.to)?;
    Some(Scan { since: Since::Height(start), next: Some(start), ..scan.clone() })
}

/// Whether a watch that looks back to `old` looks further back with `new`. A height and a time cannot be compared: then what
/// is there stays.
pub(super) fn is_older(new: Option<Since>, old: Option<Since>) -> bool {
    match (new, old) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(Since::Height(new)), Some(Since::Height(old))) => new < old,
        (Some(Since::Time(new)), Some(Since::Time(old))) => new < old,
        (Some(_), Some(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn past(since: Since, effective_from: u64) -> Option<Scan> {
        joined(since, effective_from, None)
    }

    fn joined(since: Since, effective_from: u64, known: Option<&Scan>) -> Option<Scan> {
        let network = "net".parse().unwrap();
        let past = Past { network: &network, address: Address([1; 20]), since, effective_from: Height(effective_from) };
        scan_for(past, known, Millis(1))
    }

    fn height(height: u64) -> Since {
        Since::Height(Height(height))
    }

    fn time(seconds: u64) -> Since {
        Since::Time(Timestamp(seconds))
    }

    #[test]
    fn a_registration_reads_up_to_the_seam_and_nothing_where_nothing_is_older() {
        let scan = past(height(5), 10).unwrap();
        assert_eq!((scan.since, scan.to, scan.next), (height(5), Height(9), Some(Height(5))));
        assert_eq!(past(height(9), 10).map(|scan| scan.to), Some(Height(9)), "one block");
        assert_eq!(past(height(10), 10), None);
        assert_eq!(past(height(0), 0), None, "nothing is below genesis");
        assert_eq!(past(time(77), 10).map(|scan| scan.next), Some(None), "its height is found later");
    }

    #[test]
    fn two_registrations_lose_nothing_that_is_not_read() {
        let on_the_way = |since, next: Option<u64>| Scan {
            since,
            next: next.map(Height),
            to: Height(99),
            found: 2,
            ..past(height(0), 100).unwrap()
        };
        let resolved = on_the_way(height(40), Some(60));
        for (known, new, since, next) in [
            (&resolved, height(50), height(40), Some(60)),
            (&resolved, height(70), height(40), Some(60)),
            (&resolved, height(30), height(30), Some(30)),
            (&resolved, time(5), time(5), Some(60)),
            (&on_the_way(time(5), None), time(4), time(4), None),
            (&on_the_way(time(5), None), time(6), time(5), None),
            (&on_the_way(time(5), None), height(30), time(5), Some(30)),
            (&on_the_way(time(5), Some(20)), height(30), time(5), Some(20)),
        ] {
            let scan = joined(new, 120, Some(known)).unwrap();
            let expected = (since, next.map(Height), Height(119), 2);
            assert_eq!((scan.since, scan.next, scan.to, scan.found), expected, "{new:?} beside {known:?}");
        }
        assert_eq!(joined(height(50), 100, Some(&resolved)), None, "asked for already");
    }

    #[test]
    fn a_time_becomes_a_height_and_keeps_what_was_unread_before_it() {
        let scan = |next: Option<u64>| Scan { next: next.map(Height), ..past(time(5), 100).unwrap() };
        for (next, first, start) in [
            (None, Some(30), Some(30)),
            (None, None, None),
            (None, Some(100), None),
            (Some(20), Some(30), Some(20)),
            (Some(40), Some(30), Some(30)),
            (Some(40), None, Some(40)),
        ] {
            let begun = begun(&scan(next), first.map(Height));
            assert_eq!(begun.and_then(|scan| scan.next), start.map(Height), "{next:?} {first:?}");
        }
    }

    #[test]
    fn a_watch_is_widened_only_by_what_is_surely_older() {
        assert!(is_older(Some(height(1)), None) && is_older(Some(height(1)), Some(height(2))));
        assert!(is_older(Some(time(1)), Some(time(2))));
        assert!(!is_older(None, None) && !is_older(None, Some(height(2))));
        assert!(!is_older(Some(height(2)), Some(height(2))) && !is_older(Some(time(1)), Some(height(2))));
    }
}

//! How far the past is read that registrations and operators asked for.

use super::{
    Api,
    proto::v1::{self, BackScan},
    status::Problem,
};
use crate::{
    domain::{Address, NetworkId, Scan, ScanTarget, Since},
    store::{Reader, StoreError},
};

/// A scan that is not done.
pub(super) fn under_way(scan: &Scan) -> BackScan {
    let from_height = match scan.since {
        Since::Height(first) => Some(first.0),
        Since::Time(_) => None,
    };
    BackScan {
        from_height,
        to_height: scan.to.0,
        // Of a time only what is unread beside it is known.
        next_height: scan.next.filter(|_| from_height.is_some()).map(|next| next.0),
        found: Some(scan.found),
        done: false,
    }
}

/// What a registration that looks back to `first` is answered with: as its address's scan stands, or as done.
fn of_registration(first: Option<u64>, effective_from: u64, scan: Option<&Scan>) -> BackScan {
    scan.map_or_else(
        || BackScan {
            from_height: first,
            to_height: effective_from.saturating_sub(1),
            next_height: Some(effective_from),
            found: None,
            done: true,
        },
        under_way,
    )
}

/// One place in an answer that asked for its past.
struct Asked<'a> {
    place: Option<(NetworkId, Address)>,
    /// The first height, where it was named.
    first: Option<u64>,
    effective_from: u64,
    told: &'a mut Option<BackScan>,
}

impl<'a> Asked<'a> {
    fn of(place: (&str, &str), first: Option<u64>, effective_from: u64, told: &'a mut Option<BackScan>) -> Self {
        let (network, address) = place;
        let family = Address::looks_like(address);
        let address = family.and_then(|family| Address::parse(family, address).ok());
        Self { place: network.parse().ok().zip(address), first, effective_from, told }
    }
}

impl Api {
    /// Fills in how far the past is read that orders asked for.
    pub(super) async fn show_order_scans(&self, orders: &mut [v1::Order]) -> Result<(), Problem> {
        let mut asked = Vec::new();
        for order in orders {
            for line in &mut order.lines {
                let Some(since) = &line.since else { continue };
                let first = match since {
                    v1::order_line::Since::FromBlock(height) => Some(*height),
                    v1::order_line::Since::FromTime(_) => None,
                };
                let place = (line.network.as_str(), order.address.as_str());
                asked.push(Asked::of(place, first, line.effective_from, &mut line.back_scan));
            }
        }
        self.show_scans(asked).await
    }

    /// The same for addresses.
    pub(super) async fn show_address_scans(&self, addresses: &mut [v1::Address]) -> Result<(), Problem> {
        let mut asked = Vec::new();
        for address in addresses {
            let Some((since, effective_from)) = address.since.as_ref().zip(address.standing_from) else { continue };
            let first = match since {
                v1::address::Since::FromBlock(height) => Some(*height),
                v1::address::Since::FromTime(_) => None,
            };
            let place = (address.network.as_str(), address.address.as_str());
            asked.push(Asked::of(place, first, effective_from, &mut address.back_scan));
        }
        self.show_scans(asked).await
    }

    async fn show_scans(&self, asked: Vec<Asked<'_>>) -> Result<(), Problem> {
        if asked.is_empty() {
            return Ok(());
        }
        let places: Vec<_> = asked.iter().map(|asked| asked.place.clone()).collect();
        let look = move |reader: &Reader| {
            let scan = |place: &Option<(NetworkId, Address)>| match place {
                Some((network, address)) => reader.scan(network, ScanTarget::Address(*address)),
                None => Ok(None),
            };
            places.iter().map(scan).collect::<Result<Vec<_>, StoreError>>()
        };
        for (asked, scan) in asked.into_iter().zip(self.read(look).await?) {
            *asked.told = Some(of_registration(asked.first, asked.effective_from, scan.as_ref()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Height, Millis, Timestamp};

    #[test]
    fn a_scan_says_where_it_is_and_one_that_is_gone_is_done() {
        let scan = |since, next: Option<u64>| Scan {
            network: "net".parse().unwrap(),
            target: ScanTarget::Everything,
            since,
            to: Height(90),
            next: next.map(Height),
            found: 3,
            created: Millis(0),
        };
        let on_the_way = of_registration(Some(7), 100, Some(&scan(Since::Height(Height(5)), Some(40))));
        assert_eq!((on_the_way.from_height, on_the_way.next_height, on_the_way.to_height), (Some(5), Some(40), 90));
        assert_eq!((on_the_way.found, on_the_way.done), (Some(3), false));
        let looked_for = under_way(&scan(Since::Time(Timestamp(1)), Some(40)));
        assert_eq!((looked_for.from_height, looked_for.next_height, looked_for.done), (None, None, false));
        let done = of_registration(Some(7), 100, None);
        assert_eq!((done.from_height, done.next_height, done.to_height, done.done), (Some(7), Some(100), 99, true));
    }
}

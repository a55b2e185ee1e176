//! Why a transaction is money, or is not: the rows, and the tracker's word. Changes nothing.

use super::{Core, Fault};
use crate::{
    domain::{Explanation, NetworkId, ScanTarget, TxHash, TxView},
    tracker::explain::Facts,
};

impl Core {
    /// Explains a transaction by what a node says of it, or by what is recorded alone.
    ///
    /// # Errors
    /// An unknown network; rows that cannot be read.
    pub fn explain(&self, network: &NetworkId, tx: TxHash, view: Result<&TxView, &str>) -> Result<Explanation, Fault> {
        let tracker = self.tracker(network)?;
        let recorded = self.store.deposits_of_tx(network, tx)?;
        let needs = tracker.needs_of_explanation(view.ok(), &recorded);
        let mut scans = Vec::new();
        let everyone = std::iter::once(ScanTarget::Everything);
        for target in everyone.chain(needs.addresses.iter().copied().map(ScanTarget::Address)) {
            scans.extend(self.store.scan(network, target)?);
        }
        let known = self.gather(network, needs, None)?;
        Ok(tracker.explain(Facts { tx, view, known: &known, scans: &scans }))
    }
}

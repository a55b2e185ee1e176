//! Bodies of what operators decided and asked for.

use super::{
    CodecError, Reader, Writer,
    parts::{Read, act, address, app_id, height, millis, network_id, owned_text, since, write_act, write_since},
};
use crate::domain::{
    Action, AuditRecord, Confirmations, Need, PolicyOverride, PolicyScope, Scan, ScanTarget, Threshold, TierFrom,
};

pub(super) fn write_override(to: &mut Writer, set: &PolicyOverride) {
    to.text(set.network.as_str());
    to.option(set.scope.token, |to, token| to.fixed(&token.0));
    to.option(set.scope.app.as_ref(), |to, app| to.text(app.as_str()));
    to.text(set.scope.from.as_str());
    // No count of confirmations is 0.
    to.u32(match set.need.threshold {
        Threshold::Confirmations(count) => count.get(),
        Threshold::Finalized => 0,
    });
    to.bool(set.need.second_source);
    write_act(to, &set.act);
}

pub(super) fn read_override(from: &mut Reader<'_>) -> Read<PolicyOverride> {
    Ok(PolicyOverride {
        network: network_id(from)?,
        scope: PolicyScope { token: from.option(address)?, app: from.option(app_id)?, from: tier_from(from)? },
        need: Need {
            threshold: Confirmations::new(from.u32()?).map_or(Threshold::Finalized, Threshold::Confirmations),
            second_source: from.bool()?,
        },
        act: act(from)?,
    })
}

fn tier_from(from: &mut Reader<'_>) -> Read<TierFrom> {
    let text = from.text()?;
    let tier = TierFrom::parse(text).map_err(|_| CodecError("not an amount of a tier"))?;
    if tier.as_str() == text { Ok(tier) } else { Err(CodecError("an amount of a tier with needless zeros")) }
}

pub(super) fn write_scan(to: &mut Writer, scan: &Scan) {
    to.text(scan.network.as_str());
    to.option(
        match scan.target {
            ScanTarget::Everything => None,
            ScanTarget::Address(address) => Some(address),
        },
        |to, address| to.fixed(&address.0),
    );
    write_since(to, scan.since);
    to.u64(scan.to.0);
    to.option(scan.next, |to, next| to.u64(next.0));
    to.u64(scan.found);
    to.u64(scan.created.0);
}

pub(super) fn read_scan(from: &mut Reader<'_>) -> Read<Scan> {
    Ok(Scan {
        network: network_id(from)?,
        target: from.option(address)?.map_or(ScanTarget::Everything, ScanTarget::Address),
        since: since(from)?,
        to: height(from)?,
        next: from.option(height)?,
        found: from.u64()?,
        created: millis(from)?,
    })
}

pub(super) fn write_audit(to: &mut Writer, record: &AuditRecord) {
    to.u64(record.number);
    write_act(to, &record.act);
    to.text(record.action.word());
    to.text(&record.subject);
    to.text(&record.before);
    to.text(&record.after);
    to.fixed(&record.previous);
}

pub(super) fn read_audit(from: &mut Reader<'_>) -> Read<AuditRecord> {
    Ok(AuditRecord {
        number: from.u64()?,
        act: act(from)?,
        action: Action::of_word(from.text()?).ok_or(CodecError("unknown action"))?,
        subject: owned_text(from)?,
        before: owned_text(from)?,
        after: owned_text(from)?,
        previous: from.fixed()?,
    })
}

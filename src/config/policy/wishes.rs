//! What single tables ask for, before it is known what the others say.

use super::read_threshold;
use crate::{
    config::sheet::{Section, Spot},
    domain::{AppId, Origin, Threshold, TierFrom},
};

/// What one table asks for; what is not written comes from elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) threshold: Option<(Threshold, Spot)>,
    pub(super) second_source: Option<(bool, Spot)>,
}

impl Wish {
    /// Where it is written; `None`: it says nothing.
    pub(super) fn origin(&self) -> Option<Origin> {
        let threshold = self.threshold.as_ref().map(|(_, spot)| spot);
        threshold.or(self.second_source.as_ref().map(|(_, spot)| spot)).map(Spot::origin)
    }
}

/// What counts from some amount on.
#[derive(Clone, Debug)]
pub(super) struct TierWish {
    pub(super) from: TierFrom,
    pub(super) spot: Spot,
    pub(super) wish: Wish,
}

/// What a token or an app asks for.
#[derive(Clone, Debug)]
pub(in crate::config) struct Wishes {
    pub(super) own: Wish,
    pub(super) tiers: Vec<TierWish>,
    /// The table.
    pub(super) spot: Spot,
}

/// What one `[[networks.*.policies]]` asks for.
#[derive(Clone, Debug)]
pub(in crate::config) struct AppWishes {
    pub(super) app: AppId,
    /// As it is written: a symbol or a contract.
    pub(super) token: Option<(String, Spot)>,
    pub(super) wishes: Wishes,
}

/// Reads `confirmations`, `second_source` and `tiers` of one table.
pub(in crate::config) fn read_wishes(section: &mut Section<'_>) -> Option<Wishes> {
    let own = read_wish(section);
    let tiers = read_tiers(section);
    Some(Wishes { own: own?, tiers: tiers?, spot: section.spot("") })
}

/// The network's own `tiers`; what small amounts need is read beside them.
pub(in crate::config) fn read_network_tiers(section: &mut Section<'_>) -> Option<Wishes> {
    let own = Wish { threshold: None, second_source: None };
    Some(Wishes { own, tiers: read_tiers(section)?, spot: section.spot("") })
}

/// Reads every `[[networks.*.policies]]`.
pub(in crate::config) fn read_app_wishes(section: &mut Section<'_>) -> Option<Vec<AppWishes>> {
    let read: Vec<Option<AppWishes>> = section.tables("policies").into_iter().map(read_app).collect();
    read.into_iter().collect()
}

fn read_app(mut section: Section<'_>) -> Option<AppWishes> {
    let app = section.text("app").and_then(|text| section.judged("app", text.parse::<AppId>()));
    let token = section.maybe_text("token");
    let wishes = read_wishes(&mut section);
    let token = token.map(|text| text.map(|text| (text.to_owned(), section.spot("token"))));
    if let Some(wishes) = &wishes
        && wishes.own.origin().is_none()
        && wishes.tiers.is_empty()
    {
        section.wrong("", "says nothing: set `confirmations`, `second_source` or `tiers`");
    }
    section.finish();
    Some(AppWishes { app: app?, token: token?, wishes: wishes? })
}

fn read_tiers(section: &mut Section<'_>) -> Option<Vec<TierWish>> {
    let read: Vec<Option<TierWish>> = section.tables("tiers").into_iter().map(read_tier).collect();
    read.into_iter().collect()
}

fn read_tier(mut section: Section<'_>) -> Option<TierWish> {
    let from = section.text("from").and_then(|text| section.judged("from", TierFrom::parse(text)));
    let from = from.filter(|from| {
        if from.is_zero() {
            section.wrong("from", "must be above 0: what smaller amounts need is written beside the tiers");
        }
        !from.is_zero()
    });
    let wish = read_wish(&mut section);
    if wish.as_ref().is_some_and(|wish| wish.origin().is_none()) {
        section.wrong("", "says nothing: set `confirmations` or `second_source`");
    }
    let spot = section.spot("from");
    section.finish();
    Some(TierWish { from: from?, spot, wish: wish? })
}

fn read_wish(section: &mut Section<'_>) -> Option<Wish> {
    let threshold = read_threshold(section);
    let second_source = section.maybe_flag("second_source");
    Some(Wish {
        threshold: threshold?.map(|threshold| (threshold, section.spot("confirmations"))),
        second_source: second_source?.map(|flag| (flag, section.spot("second_source"))),
    })
}

//! Times of blocks, how far back to look, ids of deposits.

use prost_types::Timestamp as WireTime;

use super::Form;
use crate::{
    api::proto::v1,
    domain::{Height, Since, Timestamp},
};

/// The last second of the year 9999: no text of a time is longer.
const TIME_MAX: u64 = 253_402_300_799;

/// Letters of a printed deposit id behind its prefix.
const DEPOSIT_LETTERS: usize = 32;

/// How far back to look, as any of the requests says it.
#[derive(Clone, Copy, Debug)]
pub(in crate::api) enum SinceAsked<'a> {
    Block(u64),
    Time(&'a WireTime),
}

impl<'a> From<&'a v1::register_order_request::Since> for SinceAsked<'a> {
    fn from(asked: &'a v1::register_order_request::Since) -> Self {
        match asked {
            v1::register_order_request::Since::FromBlock(height) => Self::Block(*height),
            v1::register_order_request::Since::FromTime(time) => Self::Time(time),
        }
    }
}

impl<'a> From<&'a v1::watch_address_request::Since> for SinceAsked<'a> {
    fn from(asked: &'a v1::watch_address_request::Since) -> Self {
        match asked {
            v1::watch_address_request::Since::FromBlock(height) => Self::Block(*height),
            v1::watch_address_request::Since::FromTime(time) => Self::Time(time),
        }
    }
}

impl Form {
    /// Until when an order waits; `None` also for no such time.
    pub(super) fn expire_time(&mut self, asked: Option<&WireTime>) -> Option<Timestamp> {
        self.time("expire_time", asked?)
    }

    /// How far back a registration looks; `None` also where it does not.
    pub(super) fn since(&mut self, asked: Option<SinceAsked<'_>>) -> Option<Since> {
        match asked? {
            SinceAsked::Block(height) => Some(Since::Height(Height(height))),
            SinceAsked::Time(time) => self.time("from_time", time).map(Since::Time),
        }
    }

    /// A time of blocks: whole seconds from 1970 to 9999.
    fn time(&mut self, field: &str, asked: &WireTime) -> Option<Timestamp> {
        let seconds = u64::try_from(asked.seconds).ok().filter(|seconds| *seconds <= TIME_MAX && asked.nanos == 0);
        if seconds.is_none() {
            self.refuse(field, "TIME_FORM", "must be a time of whole seconds in the years 1970 to 9999");
        }
        seconds.map(Timestamp)
    }

    /// A printed deposit id.
    pub(in crate::api) fn deposit_id(&mut self, text: &str) -> Option<String> {
        let fits = text.strip_prefix("dep_").is_some_and(|rest| {
            rest.len() == DEPOSIT_LETTERS && rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'))
        });
        if !fits {
            self.refuse("deposit_id", "DEPOSIT_ID_FORM", "must be dep_ and 32 letters or digits");
        }
        fits.then(|| text.to_owned())
    }
}

#[cfg(test)]
mod tests;

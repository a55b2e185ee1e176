//! Answers that may go on for ever: how many there may be at once, and their places.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::OwnedSemaphorePermit;
use tonic::{Code, Request};

use super::status::Problem;

/// Streams at once, of all callers of a listener.
const STREAMS_MAX: usize = 256;
/// Streams at once of one caller.
const STREAMS_PER_CALLER_MAX: usize = 64;
/// What a client is told to wait when there are more.
const STREAMS_PAUSE: Duration = Duration::from_secs(5);

/// The room for streams of one listener. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct StreamRoom(Arc<Mutex<BTreeMap<String, usize>>>);

/// A place in it, and among the calls being answered; both are free again when the last clone is gone.
#[derive(Clone, Debug)]
pub(super) struct StreamPlace {
    _held: Arc<Held>,
}

#[derive(Debug)]
struct Held {
    room: StreamRoom,
    caller: String,
    _call: OwnedSemaphorePermit,
}

impl StreamRoom {
    /// A place for a stream of `caller`, whose place among the calls is `call`.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED`.
    pub(super) fn enter(&self, caller: &str, call: OwnedSemaphorePermit) -> Result<StreamPlace, Problem> {
        let mut streams = self.streams();
        let own = streams.get(caller).copied().unwrap_or_default();
        if own >= STREAMS_PER_CALLER_MAX || streams.values().sum::<usize>() >= STREAMS_MAX {
            let text = "too many streams at once: end one, or list pages instead";
            return Err(Problem::new(Code::ResourceExhausted, "STREAMS_LIMIT", text).retry_after(STREAMS_PAUSE));
        }
        streams.insert(caller.to_owned(), own + 1);
        let held = Held { room: self.clone(), caller: caller.to_owned(), _call: call };
        Ok(StreamPlace { _held: Arc::new(held) })
    }

    fn streams(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut streams = self.room.streams();
        let left = streams.get(&self.caller).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            streams.remove(&self.caller);
        } else {
            streams.insert(self.caller.clone(), left);
        }
    }
}

/// The place of a call that is a stream, as the door gave it. The stream keeps it until it ends.
pub(super) fn place_of<T>(call: &Request<T>) -> Result<StreamPlace, Problem> {
    let place = call.extensions().get::<StreamPlace>().cloned();
    place.ok_or_else(|| Problem::new(Code::Internal, "STREAM_WITHOUT_PLACE", "the stream has no place"))
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[test]
    fn a_caller_has_so_many_all_have_so_many_and_each_comes_back() {
        let (room, calls) = (StreamRoom::default(), Arc::new(Semaphore::new(1000)));
        let enter = |caller: &str| {
            let call = Arc::clone(&calls).try_acquire_owned().unwrap();
            room.enter(caller, call).map_err(|problem| problem.code())
        };
        let mut held: Vec<_> = (0..STREAMS_PER_CALLER_MAX).map(|_| enter("a").unwrap()).collect();
        assert_eq!(enter("a").err(), Some(Code::ResourceExhausted));
        held.extend((STREAMS_PER_CALLER_MAX..STREAMS_MAX).map(|n| enter(&format!("b{}", n % 7)).unwrap()));
        assert_eq!(enter("c").err(), Some(Code::ResourceExhausted));
        assert_eq!(calls.available_permits(), 1000 - STREAMS_MAX, "a stream is a call being answered");
        drop(held.pop());
        let again = enter("c").unwrap();
        let same = again.clone();
        drop(again);
        assert_eq!(enter("d").err(), Some(Code::ResourceExhausted), "the clone holds the place");
        drop((same, held));
        assert_eq!((room.streams().len(), calls.available_permits()), (0, 1000));
    }
}

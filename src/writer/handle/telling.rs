//! What operators ask for notifications and endpoints.

use super::{Command, Recover, Recovered, Refusal, WriterHandle};
use crate::domain::{Act, Attempt, Endpoint, EndpointId, EventId, Millis, Notification};

impl WriterHandle {
    /// Sends an event again: a dead letter gets a new schedule, an acknowledged one is sent once more.
    ///
    /// # Errors
    /// [`Refusal`], as for every method below.
    pub async fn resend(&self, event: EventId, act: Act) -> Result<Notification, Refusal> {
        self.or_busy(|reply| Command::Resend { event, act, reply }).await
    }

    /// Takes a step through a range of events, putting back what is to be sent again.
    pub async fn recover(&self, ask: Recover, act: Act) -> Result<Recovered, Refusal> {
        self.or_busy(|reply| Command::Recover { ask, act, reply }).await
    }

    /// Ends a dead letter, or an event without words, that was told by other means. Again changes nothing.
    pub async fn close_delivery(&self, event: EventId, act: Act) -> Result<Notification, Refusal> {
        self.or_busy(|reply| Command::CloseDelivery { event, act, reply }).await
    }

    /// Sends an endpoint nothing until it is resumed. Again changes nothing.
    pub async fn park_endpoint(&self, endpoint: EndpointId, act: Act) -> Result<Endpoint, Refusal> {
        self.or_busy(|reply| Command::ParkEndpoint { endpoint, act, reply }).await
    }

    /// Sends to a parked endpoint again. Again changes nothing.
    pub async fn resume_endpoint(&self, endpoint: EndpointId, act: Act) -> Result<Endpoint, Refusal> {
        self.or_busy(|reply| Command::ResumeEndpoint { endpoint, act, reply }).await
    }

    /// Records a test that was sent.
    pub async fn record_test(
        &self,
        row: Notification,
        attempt: Attempt,
        ended: Millis,
        act: Act,
    ) -> Result<(), Refusal> {
        let row = Box::new(row);
        self.or_busy(|reply| Command::RecordTest { row, attempt, ended, act, reply }).await
    }
}

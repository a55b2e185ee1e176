//! `AuditService`.

use std::collections::VecDeque;

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status};

use super::{
    Api, answer,
    door::caller_of,
    govern::must_be_unbound,
    page,
    proto::v1::{self, audit_service_server::AuditService},
    status::Problem,
    streams::{StreamPlace, place_of},
};
use crate::domain::{AuditRecord, audit::GENESIS};

/// Records read at once for an export: between two reads commits may pass.
const EXPORT_CHUNK_ROWS: usize = 500;

/// Where an export stands.
struct Export {
    api: Api,
    /// Read and not yet sent.
    read: VecDeque<AuditRecord>,
    /// Number of the last record read.
    at: u64,
    /// Number of the last record to send.
    end: u64,
    _place: StreamPlace,
}

impl Export {
    /// The next record, and the rest.
    async fn next(mut self) -> Result<Option<(v1::ExportAuditResponse, Self)>, Problem> {
        if self.read.is_empty() && self.at < self.end {
            let after = self.at;
            self.read = self.api.read(move |reader| reader.audit(after, EXPORT_CHUNK_ROWS)).await?.into();
        }
        let Some(record) = self.read.pop_front().filter(|record| record.number <= self.end) else { return Ok(None) };
        self.at = record.number;
        Ok(Some((v1::ExportAuditResponse { record: Some(told(&record)) }, self)))
    }
}

#[tonic::async_trait]
impl AuditService for Api {
    type ExportAuditStream = BoxStream<'static, Result<v1::ExportAuditResponse, Status>>;

    async fn list_audit(
        &self,
        request: Request<v1::ListAuditRequest>,
    ) -> Result<Response<v1::ListAuditResponse>, Status> {
        must_be_unbound(&caller_of(&request)?)?;
        let asked = request.into_inner();
        let size = page::size(asked.page_size)?;
        let after = asked.after.to_string();
        let question = ["audit", after.as_str()];
        let position = self.0.pager.position(&question, &asked.page_token)?;
        let position = position.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let from = position.unwrap_or(asked.after);
        let mut records = self.read(move |reader| reader.audit(from, size + 1)).await?;
        let position = |record: &AuditRecord| record.number.to_be_bytes().to_vec();
        let next_page_token = self.0.pager.next(&question, &mut records, size, position);
        Ok(Response::new(v1::ListAuditResponse { records: records.iter().map(told).collect(), next_page_token }))
    }

    async fn export_audit(
        &self,
        request: Request<v1::ExportAuditRequest>,
    ) -> Result<Response<Self::ExportAuditStream>, Status> {
        must_be_unbound(&caller_of(&request)?)?;
        let place = place_of(&request)?;
        let at = request.into_inner().after;
        let end = self.read(|reader| reader.last_audit()).await?.map_or(0, |last| last.number);
        let export = Export { api: self.clone(), read: VecDeque::new(), at, end, _place: place };
        Ok(Response::new(stream::try_unfold(export, Export::next).map_err(Status::from).boxed()))
    }

    async fn get_checkpoint(
        &self,
        request: Request<v1::GetCheckpointRequest>,
    ) -> Result<Response<v1::GetCheckpointResponse>, Status> {
        must_be_unbound(&caller_of(&request)?)?;
        let last = self.read(|reader| reader.last_audit()).await?;
        Ok(Response::new(v1::GetCheckpointResponse {
            number: last.as_ref().map_or(0, |last| last.number),
            hash: hex::encode(last.as_ref().map_or(GENESIS, AuditRecord::hash)),
            time: last.map(|last| answer::millis(last.act.at)),
        }))
    }
}

/// A record as it is answered.
fn told(record: &AuditRecord) -> v1::AuditRecord {
    v1::AuditRecord {
        number: record.number,
        time: Some(answer::millis(record.act.at)),
        actor: record.act.by.clone(),
        action: record.action.word().to_owned(),
        subject: record.subject.clone(),
        before: record.before.clone(),
        after: record.after.clone(),
        reason: record.act.why.clone(),
        previous_hash: hex::encode(record.previous),
        hash: hex::encode(record.hash()),
    }
}

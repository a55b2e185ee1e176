//! Pages: sizes, and tokens that only this process can make and only the same question can use.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use tonic::Code;

use super::status::Problem;

/// Rows read in one go when a list is filtered: between two of them a commit may pass.
pub(super) const SCAN_CHUNK_ROWS: usize = 1000;
/// Most rows read for one page of a filtered list; then the page ends, though more may follow.
pub(super) const SCAN_ROWS_MAX: usize = 20_000;
/// Rows per page if the client does not say.
const SIZE_DEFAULT: usize = 50;
/// Most rows per page.
const SIZE_MAX: usize = 1000;
/// Bytes of the authentication code in front of a token.
const MAC_BYTES: usize = 16;
/// Longest token that is looked at, in bytes of its text.
const TOKEN_BYTES_MAX: usize = 512;

/// Rows per page.
///
/// # Errors
/// A negative number.
pub(super) fn size(asked: i32) -> Result<usize, Problem> {
    match usize::try_from(asked) {
        Ok(0) => Ok(SIZE_DEFAULT),
        Ok(size) => Ok(size.min(SIZE_MAX)),
        Err(_) => Err(Problem::field("page_size", "NEGATIVE", "must not be negative")),
    }
}

/// Cuts the row that was read beyond a page of `size`. Whether there was one, more follow.
pub(super) fn cut<T>(rows: &mut Vec<T>, size: usize) -> bool {
    let more = rows.len() > size;
    rows.truncate(size);
    more
}

/// Makes and reads tokens. The key lives as long as the process: tokens do not outlive a restart.
pub(super) struct Pager {
    key: [u8; 32],
}

impl Pager {
    /// With this key.
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// Cuts the row that was read beyond a page of `size`. The token of the next page; empty if there is none.
    pub(super) fn next<T>(
        &self,
        question: &[&str],
        rows: &mut Vec<T>,
        size: usize,
        position: impl FnOnce(&T) -> Vec<u8>,
    ) -> String {
        let more = cut(rows, size);
        rows.last().filter(|_| more).map(|last| self.token(question, &position(last))).unwrap_or_default()
    }

    /// The token that continues `question` (the call and its filters) behind `position`. The position is hidden: it may
    /// be another app's row.
    pub(super) fn token(&self, question: &[&str], position: &[u8]) -> String {
        let mut bytes = self.code(question, position).finalize().into_bytes()[..MAC_BYTES].to_vec();
        let hidden = self.hide(&bytes, position);
        bytes.extend_from_slice(&hidden);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position a token names; `None` for the first page.
    ///
    /// # Errors
    /// A token that this process did not make for this question.
    pub(super) fn position(&self, question: &[&str], token: &str) -> Result<Option<Vec<u8>>, Problem> {
        if token.is_empty() {
            return Ok(None);
        }
        self.checked(question, token).map(Some).ok_or_else(|| {
            let text = "the page token is not of this question or older than the daemon's last start: list again";
            Problem::new(Code::InvalidArgument, "PAGE_TOKEN_EXPIRED", text).with("field", "page_token")
        })
    }

    fn checked(&self, question: &[&str], token: &str) -> Option<Vec<u8>> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (code, position) = bytes.split_at_checked(MAC_BYTES)?;
        let position = self.hide(code, position);
        self.code(question, &position).verify_truncated_left(code).ok()?;
        Some(position)
    }

    /// Position to hidden text and back: a pad that the code in front of it chooses.
    fn hide(&self, code: &[u8], position: &[u8]) -> Vec<u8> {
        let mut hidden = Vec::with_capacity(position.len());
        for (block, bytes) in (0_u8..).zip(position.chunks(32)) {
            let mut pad = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
            pad.update(&[b"pad", code, &[block]].concat());
            let pad = pad.finalize().into_bytes();
            hidden.extend(bytes.iter().zip(pad).map(|(byte, pad)| byte ^ pad));
        }
        hidden
    }

    fn code(&self, question: &[&str], position: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        for part in question {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(&[0xff]);
        mac.update(position);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_default_a_most_and_no_sign() {
        assert_eq!(size(0), Ok(50));
        assert_eq!(size(7), Ok(7));
        assert_eq!(size(1_000_000), Ok(1000));
        assert_eq!(size(-1).unwrap_err().refused(), [("page_size", "NEGATIVE")]);
    }

    #[test]
    fn a_token_continues_only_its_own_question() {
        let pager = Pager::new([1; 32]);
        let token = pager.token(&["orders", "shop"], b"o-17");
        assert_eq!(pager.position(&["orders", "shop"], &token), Ok(Some(b"o-17".to_vec())));
        assert_eq!(pager.position(&["orders", "shop"], ""), Ok(None));
        let long = [7; 100];
        let hidden = pager.token(&["orders", "shop"], &long);
        assert_eq!(pager.position(&["orders", "shop"], &hidden), Ok(Some(long.to_vec())));
        let bytes = URL_SAFE_NO_PAD.decode(hidden).unwrap();
        assert!(!bytes.windows(3).any(|window| window == [7; 3]), "a position cannot be read from its token");
        for (pager, question, token) in [
            (&pager, ["orders", "other"], token.clone()),
            (&pager, ["orders", "shoq"], token.clone()),
            (&pager, ["ordersshop", ""], token.clone()),
            (&pager, ["orders", "shop"], format!("{token}AA")),
            (&pager, ["orders", "shop"], "x".repeat(600)),
            (&pager, ["orders", "shop"], "AAAA".to_owned()),
            (&Pager::new([2; 32]), ["orders", "shop"], token.clone()),
        ] {
            assert_eq!(pager.position(&question, &token).unwrap_err().code(), Code::InvalidArgument, "{question:?}");
        }
    }

    #[test]
    fn the_row_beyond_the_page_says_that_more_follow() {
        let mut rows = vec![1, 2, 3];
        assert!(cut(&mut rows, 2));
        assert_eq!(rows, [1, 2]);
        assert!(!cut(&mut rows, 2));
    }
}

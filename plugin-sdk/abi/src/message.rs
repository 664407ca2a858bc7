//! A request and its response.

use abi_stable::StableAbi;
use abi_stable::std_types::ROption;

use crate::{BodyStream, Chunk};

/// A request. The callee owns all of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Request {
    /// The head, in the layout of [`crate::head`].
    pub head: Chunk,
    /// The whole body if it is small, or the part that has already arrived.
    pub body: Chunk,
    /// The rest of the body, after `body`.
    pub stream: ROption<BodyStream>,
}

/// A response. The callee owns all of it.
#[repr(C)]
#[derive(StableAbi)]
pub struct Response {
    /// HTTP status; the host rejects values outside 200 to 599.
    pub status: u16,
    /// Headers as [`crate::Pairs`]; the host refuses invalid names and values.
    pub headers: Chunk,
    /// The whole body, or the first part of it.
    pub body: Chunk,
    /// The rest of the body, after `body`.
    pub stream: ROption<BodyStream>,
}

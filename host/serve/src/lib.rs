//! The HTTP front: management routes and plugin endpoints.

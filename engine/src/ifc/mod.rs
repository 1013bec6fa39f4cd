//! End-of-career indemnities.

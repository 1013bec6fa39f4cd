//! Run-off triangles.

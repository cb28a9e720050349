//! Every step, refused.

//! JOSE: compact JWS, keys, signatures (RFC 7515, 7517, 7518).

pub mod algorithm;

pub use algorithm::JwsAlgorithm;

//! Tests of the loader alone, in virtual time.

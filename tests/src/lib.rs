//! Tests of the built artefacts; see `tests/`.

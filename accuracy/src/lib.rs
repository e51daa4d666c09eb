//! Scores the engine against measured runs.

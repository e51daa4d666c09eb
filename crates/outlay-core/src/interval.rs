//! interval (placeholder).

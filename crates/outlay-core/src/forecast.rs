//! forecast (placeholder).

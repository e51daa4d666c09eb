//! bill (placeholder).

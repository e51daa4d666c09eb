//! Floating-point operations of the forward and backward pass.

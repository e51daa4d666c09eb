//! From steps to wall-clock: how many, how much of the time is useful, what is lost.

//! Builds anew when the page does: a file that is added to `web/dist` is not seen by the compiler otherwise.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}

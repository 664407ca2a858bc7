fn main() {
    println!("cargo::rerun-if-changed=src/key.c");
    cc::Build::new().file("src/key.c").compile("c_key");
}

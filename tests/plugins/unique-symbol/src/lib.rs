//! A library with a symbol of the kind `STB_GNU_UNIQUE`.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

/// Stands for a variable of a C++ template. rustc exports a function, and the assembler says what kind of symbol it is.
// SAFETY: the name is this library's own.
#[unsafe(export_name = "_ZN4Pool8instanceE")]
#[unsafe(naked)]
extern "C" fn instance() {
    core::arch::naked_asm!(".type _ZN4Pool8instanceE, %gnu_unique_object", ".zero 16");
}

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> String {
        // The linker looks a symbol up because something refers to it.
        let address: extern "C" fn() = std::hint::black_box(instance);
        format!("hello from {:?}", address as *const ())
    }
}

export!(Plugin);

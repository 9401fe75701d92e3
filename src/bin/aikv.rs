//! The `aikv` command. All of it is in the library's `cli` module.

fn main() -> std::process::ExitCode {
    aikv::cli::main()
}

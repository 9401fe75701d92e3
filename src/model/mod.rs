//! Data that is kept: the columnar index of a snapshot's keys.

#![cfg_attr(
    not(test),
    deny(
        clippy::alloc_instead_of_core,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::unwrap_used
    )
)]

mod columns;
mod index;
mod selection;
mod sort;
#[cfg(test)]
mod tests;

pub use columns::Row;
pub use index::Index;
pub use selection::Selection;
pub use sort::Column;

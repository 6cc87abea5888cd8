//! Compiles a C filter to a core module.

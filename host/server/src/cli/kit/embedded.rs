//! The files of the checkout that are in the program.

/// By their path from the root of the checkout, in order.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/kit.rs"));

/// The files below `folder`, by their path in it.
pub(super) fn below(folder: &str) -> impl Iterator<Item = (&'static str, &'static [u8])> {
    let within = move |path: &'static str| path.strip_prefix(folder)?.strip_prefix('/');
    FILES.iter().filter_map(move |(path, content)| Some((within(path)?, *content)))
}

/// The text of a file that the program was built with.
pub(super) fn text(path: &str) -> &'static str {
    let found = FILES.iter().find(|(name, _)| *name == path);
    let (_, content) = found.unwrap_or_else(|| panic!("`{path}` is built into the program"));
    std::str::from_utf8(content).unwrap_or_else(|_| panic!("`{path}` is text"))
}

//! Software that reports name: systems, browsers, runtimes and tools whose version matters.

use crate::words::is_one_of;

/// What a platform is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// An operating system or distribution.
    Os,
    /// What programs run on: Node.js, Python, Docker.
    Runtime,
    /// A browser.
    Browser,
    /// A processor's instruction set.
    Architecture,
}

/// When a word means the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Always.
    Nothing,
    /// When it begins with a capital, or as [`Needs::Evidence`].
    Capital,
    /// When a version follows or the text around speaks of systems.
    Evidence,
}

/// A platform and the words for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Platform {
    /// What it is.
    pub category: Category,
    /// The name that is reported.
    pub name: &'static str,
    /// For systems: the family that labels speak of.
    pub family: Option<&'static str>,
    /// Words for it in lower case; several words are separated by blanks.
    pub words: &'static [&'static str],
    /// When the words mean it.
    pub needs: Needs,
}

const fn os(
    name: &'static str,
    family: &'static str,
    words: &'static [&'static str],
    needs: Needs,
) -> Platform {
    Platform { category: Category::Os, name, family: Some(family), words, needs }
}

const fn other(
    category: Category,
    name: &'static str,
    words: &'static [&'static str],
    needs: Needs,
) -> Platform {
    Platform { category, name, family: None, words, needs }
}

use Category::{Architecture, Browser, Runtime};
use Needs::{Capital, Evidence, Nothing};

/// Platforms; longer names first where one begins with another.
pub const PLATFORMS: &[Platform] = &[
    os("Windows Server", "windows", &["windows server"], Nothing),
    os("Windows", "windows", &["windows", "win", "win32", "win64"], Capital),
    os("Windows 11", "windows", &["win11"], Nothing),
    os("Windows 10", "windows", &["win10"], Nothing),
    os("WSL", "linux", &["wsl", "wsl2"], Nothing),
    os("macOS", "macos", &["mac os x", "mac os", "macos", "osx", "os x", "darwin"], Nothing),
    os("macOS", "macos", &["mac", "macbook"], Capital),
    os("Ubuntu", "linux", &["ubuntu"], Nothing),
    os("Debian", "linux", &["debian"], Nothing),
    os("Fedora", "linux", &["fedora"], Nothing),
    os("CentOS", "linux", &["centos"], Nothing),
    os("Rocky Linux", "linux", &["rocky linux"], Nothing),
    os("RHEL", "linux", &["rhel", "red hat enterprise linux", "red hat"], Nothing),
    os("Arch Linux", "linux", &["arch linux", "archlinux"], Nothing),
    os("Alpine Linux", "linux", &["alpine linux", "alpine"], Nothing),
    os("Amazon Linux", "linux", &["amazon linux"], Nothing),
    os("openSUSE", "linux", &["opensuse", "suse"], Nothing),
    os("NixOS", "linux", &["nixos"], Nothing),
    os("Linux Mint", "linux", &["linux mint"], Nothing),
    os("Raspberry Pi OS", "linux", &["raspberry pi os", "raspbian"], Nothing),
    os("Linux", "linux", &["linux"], Nothing),
    os("FreeBSD", "bsd", &["freebsd"], Nothing),
    os("OpenBSD", "bsd", &["openbsd"], Nothing),
    os("NetBSD", "bsd", &["netbsd"], Nothing),
    os("iOS", "ios", &["ios", "ipados", "iphone", "ipad"], Nothing),
    os("Android", "android", &["android"], Nothing),
    other(Browser, "Chrome", &["google chrome", "chrome", "chromium"], Capital),
    other(Browser, "Firefox", &["firefox"], Nothing),
    other(Browser, "Safari", &["safari"], Capital),
    other(Browser, "Edge", &["microsoft edge", "ms edge"], Nothing),
    other(Browser, "Edge", &["edge", "edg"], Evidence),
    other(Browser, "Opera", &["opera"], Evidence),
    other(Browser, "Brave", &["brave"], Evidence),
    other(Browser, "Internet Explorer", &["internet explorer", "ie11"], Nothing),
    other(Runtime, "Node.js", &["node.js", "nodejs", "node js"], Nothing),
    other(Runtime, "Node.js", &["node"], Evidence),
    other(Runtime, "Deno", &["deno"], Capital),
    other(Runtime, "Bun", &["bun"], Evidence),
    other(Runtime, "Python", &["python", "python3", "cpython"], Capital),
    other(Runtime, "PyPy", &["pypy"], Nothing),
    other(Runtime, "Java", &["openjdk", "java", "jdk", "jvm", "jre"], Evidence),
    other(Runtime, "Kotlin", &["kotlin"], Evidence),
    other(Runtime, "Ruby", &["ruby", "jruby"], Evidence),
    other(Runtime, "Go", &["golang"], Nothing),
    other(Runtime, "Go", &["go"], Evidence),
    other(Runtime, "Rust", &["rustc", "rust"], Evidence),
    other(Runtime, "PHP", &["php"], Evidence),
    other(Runtime, ".NET", &[".net core", ".net framework", ".net", "dotnet"], Nothing),
    other(Runtime, "Docker", &["docker desktop", "docker"], Capital),
    other(Runtime, "Kubernetes", &["kubernetes", "k8s"], Evidence),
    other(Runtime, "Electron", &["electron"], Evidence),
    other(Architecture, "x86_64", &["x86_64", "x86-64", "amd64", "x64", "x86 64"], Nothing),
    other(Architecture, "x86", &["x86", "i686", "i386", "i586"], Nothing),
    other(Architecture, "aarch64", &["aarch64", "arm64", "apple silicon"], Nothing),
    other(Architecture, "aarch64", &["m1", "m2", "m3", "m4"], Evidence),
    other(Architecture, "arm", &["armv7", "armv7l", "armv6", "armhf"], Nothing),
    other(Architecture, "arm", &["arm"], Evidence),
    other(Architecture, "riscv64", &["riscv64", "risc-v", "riscv"], Nothing),
    other(Architecture, "ppc64le", &["ppc64le", "powerpc"], Nothing),
    other(Architecture, "s390x", &["s390x"], Nothing),
    other(Architecture, "wasm32", &["wasm32"], Nothing),
];

/// Tools that are no platform, but whose plain number is a version: `npm 10`.
const TOOLS: &[&str] = &[
    "angular",
    "babel",
    "bash",
    "cargo",
    "clang",
    "cmake",
    "composer",
    "django",
    "docker",
    "edge",
    "electron",
    "eslint",
    "express",
    "flask",
    "flutter",
    "gcc",
    "git",
    "gradle",
    "helm",
    "jest",
    "kernel",
    "kubernetes",
    "laravel",
    "llvm",
    "make",
    "maven",
    "mysql",
    "next",
    "next.js",
    "nginx",
    "npm",
    "nuxt",
    "numpy",
    "openssl",
    "pandas",
    "pip",
    "pnpm",
    "poetry",
    "postgres",
    "postgresql",
    "pytest",
    "rails",
    "react",
    "redis",
    "rollup",
    "spring",
    "sqlite",
    "svelte",
    "swift",
    "symfony",
    "tailwind",
    "terraform",
    "typescript",
    "vite",
    "vs",
    "vue",
    "webpack",
    "wsl",
    "xcode",
    "yarn",
    "zsh",
];

/// Names of two or three words that versions follow.
pub const LONG_NAMES: &[&str] = &[
    "android studio",
    "apple clang",
    "docker compose",
    "docker desktop",
    "google chrome",
    "intellij idea",
    "internet explorer",
    "linux mint",
    "mac os",
    "mac os x",
    "microsoft edge",
    "node js",
    "os x",
    "react native",
    "red hat",
    "rocky linux",
    "ruby on rails",
    "spring boot",
    "visual studio",
    "visual studio code",
    "vs code",
    "windows server",
    "amazon linux",
    "arch linux",
    "alpine linux",
    "spring framework",
];

/// Whether a plain number behind `name` is its version.
pub fn is_known(name: &str) -> bool {
    is_one_of(name, TOOLS) || PLATFORMS.iter().any(|platform| is_one_of(name, platform.words))
}

/// Names that versions are glued to: `go1.22`, `python3.11`.
const GLUED: &[&str] = &["go", "python", "node", "php", "jdk", "ruby", "clang", "gcc"];

/// The name and the number of a word such as `go1.22`.
pub fn glued(word: &str) -> Option<(&str, &str)> {
    let digits_at = word.find(|c: char| c.is_ascii_digit())?;
    let (name, number) = word.split_at(digits_at);
    (is_one_of(name, GLUED) && number.contains('.')).then_some((name, number))
}

/// The version of the package: that of the newest release in CHANGELOG.md.
///
/// `scripts/version` reads it from here, so `bodkin --version`, the man pages, the archive and the Debian package have the same.
enum ProductVersion {
    static let text = "0.2.0"
}

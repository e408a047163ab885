import BodkinNATLab
import Glibc

/// The rivals' packages from PyPI and the drivers of ours that use them, in a directory that git ignores.
struct RivalPackages: Sendable {
    private static let requirements = Contender.allCases.flatMap(\.requirements).joined(separator: " ")

    /// Where everything is, absolute.
    let directory: String

    /// Installs what is not there yet, and writes the drivers anew.
    /// - Throws: ``LabError`` with what to do about it where pip is missing or fails.
    init(in name: String) throws {
        mkdir(name, 0o755)
        guard let path = realpath(name, nil) else {
            throw LabError(.system, "\(name) cannot be made here: run the benchmark in a directory of yours")
        }
        directory = String(cString: path)
        free(path)
        try write(Array(Self.installation.utf8), to: "install.sh")
        let status = Self.run(["sh", "\(directory)/install.sh", directory, Self.requirements])
        guard status == 0 else {
            throw LabError(
                .notPermitted,
                "\(Self.requirements) cannot be installed (\(directory)/install.log says why): it takes python3 with pip, a C compiler, Python's headers and "
                    + "a way to PyPI; 'make rivals' installs the packages of the system, and PIP_INDEX_URL names another index")
        }
        for (file, content) in [
            ("relay.py", PackageResources.relay_py), ("rival.py", PackageResources.rival_py),
            (Contender.warpgate.driver, PackageResources.rival_warpgate_py), (Contender.p2pd.driver, PackageResources.rival_p2pd_py),
        ] { try write(content, to: file) }
    }

    /// How one of the files here is run.
    func command(_ file: String) -> [String] { ["\(directory)/python", "-s", "\(directory)/\(file)"] }

    /// The packages are found there, and log nowhere: both write to the home directory where they find a folder for it.
    var environment: [String: String] { ["PYTHONPATH": "\(directory)/site", "HOME": directory, "PYTHONDONTWRITEBYTECODE": "1"] }

    /// pip with `--target` needs no virtual environment, which Debian has in a package of its own, and no exemption from PEP 668.
    private static let installation = """
        set -eu
        cd "$1"
        [ -x python ] && [ "$(cat installed 2>/dev/null)" = "$2" ] && exit 0
        rm -rf site installed python
        ln -s "$(python3 -c 'import sys; print(sys.executable)')" python
        python3 -m pip install --disable-pip-version-check --target site $2 >install.log 2>&1
        printf %s "$2" >installed
        """

    private func write(_ content: [UInt8], to file: String) throws {
        let descriptor = open("\(directory)/\(file)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, content, content.count) == content.count else {
            throw LabError(.system, "\(directory)/\(file) cannot be written: make room, or run the benchmark in a directory of yours")
        }
    }

    /// Runs a program to its end, with this one's input and output, and returns its exit status.
    private static func run(_ words: [String]) -> Int32 {
        let arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        guard posix_spawnp(&process, words[0], nil, nil, arguments, environ) == 0 else { return 127 }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 && errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
    }
}

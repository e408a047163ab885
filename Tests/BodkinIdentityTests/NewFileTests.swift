import FoundationEssentials
import Testing

@testable import BodkinIdentity

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

@Suite("Secret files on file systems of every kind")
struct NewFileTests {
    private func withPlace(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "bodkin with blanks, äöü \(UUID().uuidString)").path(percentEncoded: false)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    /// What link(2) says where there are no hard links: FAT, SMB, FUSE; and elsewhere.
    @Test("where there are no hard links the file is written all the same", arguments: [0, EPERM, EOPNOTSUPP, ENOSYS, EMLINK])
    func links(_ number: Int32) throws {
        try withPlace { place in
            let link: (String, String) -> Int32 = {
                guard number != 0 else { return giveName($0, $1) }
                errno = number
                return -1
            }
            try NewFile.create("secret\n", at: "\(place)/file", linkFile: link)
            #expect(try SecretFile.read("\(place)/file") == "secret\n")
            #expect(#expect(throws: IdentityError.self) { try NewFile.create("other\n", at: "\(place)/file", linkFile: link) }?.code == .exists)
            try SecretFile.replace("third\n", at: "\(place)/file")
            #expect(try SecretFile.read("\(place)/file") == "third\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: place) == ["file"])
        }
    }

    @Test("a refusal leaves nothing behind, and is one line with what to do", arguments: [EACCES, ENOSPC, EROFS])
    func refusals(_ number: Int32) throws {
        try withPlace { place in
            let refuse: (String, String) -> Int32 = { _, _ in
                errno = number
                return -1
            }
            let advice = number == ENOSPC ? "Free some space" : "Choose another directory"
            do {
                try NewFile.create("secret\n", at: "\(place)/file", linkFile: refuse)
                Issue.record("the file was written")
            } catch let error as IdentityError {
                #expect(error.code == .system && error.message.contains(advice))
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: place).isEmpty)
        }
    }
}

private func giveName(_ from: String, _ to: String) -> Int32 { link(from, to) }

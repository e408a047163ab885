// swift-tools-version: 6.2
import PackageDescription

/// The settings every Swift target of the package is compiled with.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "bodkin",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "bodkin", targets: ["BodkinCLI"]),
        .executable(name: "bodkin-bench", targets: ["BodkinBench"]),
        .executable(name: "bodkin-fuzz", targets: ["BodkinFuzz"]),
        .library(name: "Bodkin", targets: ["Bodkin"]),
        .library(name: "BodkinNATLab", targets: ["BodkinNATLab"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        .target(name: "BodkinCore", swiftSettings: strict),
        .target(name: "CBodkinSystem"),
        .target(name: "Bodkin", dependencies: ["BodkinCore", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: strict),
        .target(
            name: "BodkinNATLab",
            dependencies: [
                "BodkinCore", "CBodkinSystem",
                .product(name: "HeapModule", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "BodkinCLI",
            dependencies: [
                "Bodkin", "BodkinCore",
                .target(name: "BodkinNATLab", condition: .when(platforms: [.linux])),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(name: "BodkinBench", dependencies: ["BodkinCore", "BodkinNATLab"], swiftSettings: strict),
        .executableTarget(name: "BodkinFuzz", dependencies: ["BodkinNATLab"], swiftSettings: strict),
        .testTarget(
            name: "BodkinTests", dependencies: ["Bodkin", "BodkinCore", .product(name: "Crypto", package: "swift-crypto")], swiftSettings: strict),
        .testTarget(name: "BodkinCoreTests", dependencies: ["BodkinCore"], swiftSettings: strict),
        .testTarget(name: "BodkinNATLabTests", dependencies: ["BodkinCore", "BodkinNATLab"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

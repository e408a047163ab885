// swift-tools-version: 6.2
import PackageDescription

/// The settings every Swift target of the package is compiled with.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")

let package = Package(
    name: "bodkin",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "bodkin", targets: ["BodkinCLI"]),
        .executable(name: "bodkin-bench", targets: ["BodkinBench"]),
        .executable(name: "bodkin-hello", targets: ["BodkinHello"]),
        .executable(name: "bodkin-chat", targets: ["BodkinChat"]),
        .executable(name: "bodkin-drop", targets: ["BodkinDrop"]),
        .executable(name: "bodkin-echo", targets: ["BodkinEcho"]),
        .executable(name: "bodkin-matrix", targets: ["BodkinMatrix"]),
        .executable(name: "bodkin-fuzz", targets: ["BodkinFuzz"]),
        .library(name: "Bodkin", targets: ["Bodkin"]),
        .library(name: "BodkinServer", targets: ["BodkinServer"]),
        .library(name: "BodkinLifecycle", targets: ["BodkinLifecycle"]),
        .library(name: "BodkinServerLifecycle", targets: ["BodkinServerLifecycle"]),
        .library(name: "BodkinNATLab", targets: ["BodkinEmulation", "BodkinNATLab"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        .target(name: "BodkinCore", swiftSettings: strict),
        .target(
            name: "BodkinProtocols",
            dependencies: [
                "BodkinCore", crypto, nioCore,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "OrderedCollections", package: "swift-collections"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            exclude: ["Rendezvous/rendezvous.proto"],
            swiftSettings: strict
        ),
        // The rendezvous server's decisions. No peer links them.
        .target(
            name: "BodkinBroker",
            dependencies: [
                "BodkinCore", "BodkinProtocols", nioCore,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict
        ),
        .target(name: "BodkinPrediction", dependencies: ["BodkinCore"], swiftSettings: strict),
        .target(name: "BodkinIdentity", dependencies: ["BodkinCore", crypto], swiftSettings: strict),
        .target(name: "CBodkinSystem"),
        .target(name: "CBodkinNATLab"),
        .target(name: "BodkinSystem", dependencies: ["BodkinCore", "CBodkinSystem"], swiftSettings: strict),
        .target(
            name: "BodkinTransport",
            dependencies: [
                "BodkinCore", "BodkinIdentity", "BodkinPrediction", "BodkinProtocols", "BodkinSystem", crypto, logging, nioCore, nioPosix, nioSSL,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "OrderedCollections", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "Bodkin",
            dependencies: [
                "BodkinCore", "BodkinIdentity", "BodkinPrediction", "BodkinProtocols", "BodkinSystem", "BodkinTransport", crypto,
                logging, metrics, nioCore, nioPosix, nioSSL, .product(name: "DequeModule", package: "swift-collections"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "BodkinMetrics",
            dependencies: [metrics, nioCore, nioPosix, .product(name: "NIOHTTP1", package: "swift-nio")],
            swiftSettings: strict
        ),
        .target(
            name: "BodkinServer",
            dependencies: [
                "BodkinBroker", "BodkinCore", "BodkinIdentity", "BodkinMetrics", "BodkinProtocols", "BodkinSystem", "BodkinTransport", crypto,
                logging, nioCore, nioPosix, nioSSL,
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOTLS", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        // Services of swift-service-lifecycle, apart from what they run: the command needs neither.
        .target(name: "BodkinLifecycle", dependencies: ["Bodkin", lifecycle], swiftSettings: strict),
        .target(name: "BodkinServerLifecycle", dependencies: ["BodkinServer", lifecycle], swiftSettings: strict),
        // The pure half of the lab: no socket, no clock, any platform.
        .target(
            name: "BodkinEmulation", dependencies: ["BodkinCore", .product(name: "HeapModule", package: "swift-collections")],
            swiftSettings: strict),
        .target(name: "BodkinNATLab", dependencies: ["BodkinCore", "BodkinEmulation", "CBodkinNATLab"], swiftSettings: strict),
        .target(name: "BodkinPairs", dependencies: ["BodkinCore", "BodkinEmulation", "BodkinPrediction"], swiftSettings: strict),
        // Peers and servers in virtual time: the network as an event loop that nothing waits for. For tests and bodkin-fuzz.
        .target(
            name: "BodkinVirtualNetwork",
            dependencies: [
                "BodkinCore", "BodkinEmulation", "BodkinSystem", "BodkinTransport", nioCore, .product(name: "NIOEmbedded", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(
            name: "BodkinExercise",
            dependencies: [
                "Bodkin", "BodkinCore", "BodkinEmulation", "BodkinIdentity", "BodkinNATLab", "BodkinPairs", "BodkinPrediction", "BodkinProtocols",
                "BodkinServer", crypto, logging, nioCore, nioPosix,
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "BodkinCLI",
            dependencies: [
                "Bodkin", "BodkinCore", "BodkinIdentity", "BodkinMetrics", "BodkinPrediction", "BodkinProtocols", "BodkinServer", "BodkinSystem",
                "BodkinTransport", "CBodkinSystem", logging, metrics, nioCore, nioPosix,
                .target(name: "BodkinNATLab", condition: .when(platforms: [.linux])),
                .target(name: "BodkinPairs", condition: .when(platforms: [.linux])),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        // The examples: built as their users build, without the strict settings.
        .executableTarget(name: "BodkinHello", dependencies: ["Bodkin"]),
        .executableTarget(name: "BodkinChat", dependencies: ["Bodkin"], path: "Examples/Chat"),
        .executableTarget(name: "BodkinDrop", dependencies: ["Bodkin"], path: "Examples/Drop"),
        .executableTarget(name: "BodkinEcho", dependencies: ["Bodkin", "BodkinLifecycle", lifecycle, logging], path: "Examples/Echo"),
        .executableTarget(
            name: "BodkinMatrix",
            dependencies: [
                "Bodkin", "BodkinCore", "BodkinExercise", "BodkinNATLab", "BodkinPairs", "BodkinPrediction",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "BodkinBench",
            dependencies: [
                "Bodkin", "BodkinCore", "BodkinExercise", "BodkinIdentity", "BodkinNATLab", "BodkinPairs", "BodkinPrediction", "BodkinProtocols",
                "BodkinServer", "BodkinSystem", "BodkinTransport", logging, nioCore, nioPosix, nioSSL,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            resources: ["relay", "rival", "rival_p2pd", "rival_warpgate"].map { .embedInCode("Rivals/Python/\($0).py") },
            swiftSettings: strict
        ),
        // What only tests and bodkin-fuzz need.
        .target(
            name: "BodkinFuzzers",
            dependencies: [
                "Bodkin", "BodkinBroker", "BodkinCore", "BodkinEmulation", "BodkinIdentity", "BodkinProtocols", "BodkinTransport",
                "BodkinVirtualNetwork", crypto, nioCore, .product(name: "NIOEmbedded", package: "swift-nio"), nioSSL,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(name: "BodkinFuzz", dependencies: ["BodkinFuzzers"], swiftSettings: strict),
        .testTarget(name: "BodkinFuzzersTests", dependencies: ["BodkinEmulation", "BodkinFuzzers", "BodkinProtocols"], swiftSettings: strict),
        .testTarget(name: "BodkinIdentityTests", dependencies: ["BodkinCore", "BodkinIdentity", crypto], swiftSettings: strict),
        .testTarget(
            name: "BodkinExerciseTests",
            dependencies: [
                "Bodkin", "BodkinCore", "BodkinExercise", "BodkinIdentity", "BodkinNATLab", "BodkinPairs", "BodkinPrediction", "BodkinProtocols",
                "BodkinSystem", "BodkinTransport", crypto, nioCore, nioPosix, nioSSL,
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "BodkinTests",
            dependencies: [
                "Bodkin", "BodkinBroker", "BodkinCore", "BodkinEmulation", "BodkinExercise", "BodkinIdentity", "BodkinPairs", "BodkinPrediction",
                "BodkinProtocols", "BodkinServer", "BodkinSystem", "BodkinTransport", "BodkinVirtualNetwork", crypto, logging, nioCore,
                .product(name: "NIOEmbedded", package: "swift-nio"), nioSSL,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict
        ),
        .testTarget(name: "BodkinCoreTests", dependencies: ["BodkinCore"], swiftSettings: strict),
        .testTarget(
            name: "BodkinProtocolsTests", dependencies: ["BodkinCore", "BodkinFuzzers", "BodkinProtocols", crypto, nioCore], swiftSettings: strict),
        .testTarget(
            name: "BodkinPredictionTests", dependencies: ["BodkinCore", "BodkinEmulation", "BodkinPairs", "BodkinPrediction"],
            swiftSettings: strict),
        .testTarget(
            name: "BodkinTransportTests",
            dependencies: [
                "BodkinCore", "BodkinEmulation", "BodkinFuzzers", "BodkinIdentity", "BodkinProtocols", "BodkinTransport", "BodkinVirtualNetwork",
                crypto, nioCore, .product(name: "NIOEmbedded", package: "swift-nio"), nioSSL,
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "BodkinBrokerTests",
            dependencies: [
                "BodkinBroker", "BodkinCore", "BodkinIdentity", "BodkinProtocols", crypto, nioCore,
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "BodkinServerTests",
            dependencies: [
                "Bodkin", "BodkinBroker", "BodkinCLI", "BodkinCore", "BodkinIdentity", "BodkinLifecycle", "BodkinPrediction", "BodkinProtocols",
                "BodkinServer", "BodkinServerLifecycle", "BodkinTransport", crypto, lifecycle, logging, nioCore, nioPosix, nioSSL,
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "SwiftProtobuf", package: "swift-protobuf"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "BodkinCLITests",
            dependencies: [
                "Bodkin", "BodkinCLI", "BodkinCore", "BodkinEmulation", "BodkinMetrics", "BodkinNATLab", "BodkinPrediction", "BodkinSystem", metrics,
                nioCore, nioPosix, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BodkinBenchTests",
            dependencies: ["BodkinBench", "BodkinCore", "BodkinExercise", "BodkinNATLab", "BodkinPairs", "BodkinPrediction"],
            swiftSettings: strict),
        .testTarget(
            name: "BodkinMatrixTests", dependencies: ["BodkinExercise", "BodkinMatrix", "BodkinNATLab", "BodkinPairs", "BodkinPrediction"],
            swiftSettings: strict),
        .testTarget(name: "BodkinEmulationTests", dependencies: ["BodkinCore", "BodkinEmulation"], swiftSettings: strict),
        .testTarget(name: "BodkinNATLabTests", dependencies: ["BodkinCore", "BodkinNATLab"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)

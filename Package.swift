// swift-tools-version: 6.1
import PackageDescription

let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A library module: its sources are `Sources/<name>`, its imports go down only (docs/ARCHITECTURE.md).
func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: settings)
}

/// The tests of one module; `Tests/<name>Tests` mirrors `Sources/<name>`.
func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: [.byName(name: name)] + dependencies,
    swiftSettings: settings)
}

let package = Package(
  name: "heed",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Heed", targets: ["Heed"]),
    .library(name: "HeedTensor", targets: ["HeedTensor"]),
    .library(name: "HeedAttention", targets: ["HeedAttention"]),
    .library(name: "HeedBlocks", targets: ["HeedBlocks"]),
    .library(name: "HeedFormats", targets: ["HeedFormats"]),
    .library(name: "HeedText", targets: ["HeedText"]),
    .library(name: "HeedModels", targets: ["HeedModels"]),
    .library(name: "HeedTraining", targets: ["HeedTraining"]),
    .library(name: "HeedExplorer", targets: ["HeedExplorer"]),
    .executable(name: "heed", targets: ["HeedCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
  ],
  targets: [
    // Floors of the house, lowest first.
    .target(name: "CHeedKernels", exclude: ["README.md"]),
    .target(name: "HeedResources", exclude: ["README.md"], resources: [.copy("Resources")]),
    module("HeedTensor", ["CHeedKernels"]),
    module("HeedAttention", ["CHeedKernels", "HeedTensor"]),
    module("HeedBlocks", ["HeedTensor", "HeedAttention"]),
    module("HeedFormats", ["HeedTensor"]),
    module("HeedText", ["HeedTensor", "HeedFormats"]),
    module("HeedModels", ["HeedTensor", "HeedAttention", "HeedBlocks", "HeedFormats"]),
    module("HeedTraining", ["HeedTensor", "HeedAttention", "HeedFormats", "HeedModels"]),
    module(
      "Heed",
      [
        "HeedTensor", "HeedAttention", "HeedBlocks", "HeedFormats", "HeedText", "HeedModels",
        "HeedTraining", "HeedResources",
      ]),
    module(
      "HeedExplorer",
      ["HeedTensor", "HeedAttention", "HeedFormats", "HeedText", "HeedModels", "Heed"]),
    module(
      "HeedVerification",
      [
        "HeedTensor", "HeedAttention", "HeedBlocks", "HeedFormats", "HeedText", "HeedModels",
        "HeedTraining", "Heed",
      ]),
    .executableTarget(
      name: "HeedCommand",
      dependencies: [
        "HeedTensor", "HeedAttention", "HeedBlocks", "HeedFormats", "HeedText", "HeedModels",
        "HeedTraining", "Heed", "HeedExplorer", "HeedVerification",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      exclude: ["README.md"], swiftSettings: settings),
    // Examples; what the README shows is one of them.
    .executableTarget(
      name: "OwnFamily",
      dependencies: ["HeedTensor", "HeedBlocks", "HeedFormats", "HeedModels"],
      path: "Examples/OwnFamily", swiftSettings: settings),
    .executableTarget(
      name: "AttentionExample", dependencies: ["HeedAttention", "HeedTensor"],
      path: "Examples/Attention", swiftSettings: settings),
    // Tests, and what they share.
    .target(
      name: "HeedTestSupport", dependencies: ["HeedTensor", "HeedFormats", "HeedModels"],
      path: "Tests/HeedTestSupport", swiftSettings: settings),
    tests(of: "HeedTensor", ["CHeedKernels", "HeedTestSupport"]),
    tests(of: "HeedAttention", ["HeedTensor", "HeedTestSupport"]),
    tests(of: "HeedBlocks", ["HeedTensor", "HeedAttention", "HeedTestSupport"]),
    tests(of: "HeedFormats", ["HeedTensor"]),
    tests(of: "HeedText", ["HeedFormats"]),
    tests(
      of: "HeedModels",
      ["HeedTensor", "HeedAttention", "HeedBlocks", "HeedFormats", "HeedTestSupport"]),
    tests(
      of: "HeedTraining",
      ["HeedBlocks", "HeedFormats", "HeedModels", "HeedTensor", "HeedTestSupport"]),
    tests(
      of: "Heed",
      [
        "HeedAttention", "HeedFormats", "HeedModels", "HeedTensor", "HeedText", "HeedTraining",
        "HeedTestSupport",
      ]),
    tests(of: "HeedExplorer", ["Heed", "HeedFormats", "HeedModels", "HeedTensor", "HeedText"]),
    tests(of: "HeedVerification", ["HeedFormats", "HeedTensor"]),
    tests(
      of: "HeedCommand", ["HeedFormats", "HeedTensor", "HeedTraining", "HeedTestSupport"]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c11
)

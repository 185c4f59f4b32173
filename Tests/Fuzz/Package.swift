// swift-tools-version: 6.1
import PackageDescription

// Not part of the package above: built by scripts/fuzz with the coverage that libFuzzer wants.
let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [.package(name: "heed", path: "../..")],
  targets: [
    .target(
      name: "FuzzTargets",
      dependencies: [
        .product(name: "HeedFormats", package: "heed"),
        .product(name: "HeedModels", package: "heed"),
        .product(name: "HeedText", package: "heed"), .product(name: "HeedTensor", package: "heed"),
      ]),
    // C, because libFuzzer brings the main function.
    .executableTarget(name: "fuzz", dependencies: ["FuzzTargets"]),
  ]
)

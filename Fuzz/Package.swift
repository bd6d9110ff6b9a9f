// swift-tools-version: 6.2
// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// As in the main package; a fuzz target's `main` is libFuzzer's.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

func fuzzer(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: ["FuzzSupport"],
    swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])])
}

let package = Package(
  name: "strata-fuzz",
  dependencies: [.package(name: "strata", path: "..")],
  targets: [
    .target(
      name: "FuzzSupport", dependencies: [.product(name: "Strata", package: "strata")],
      swiftSettings: strict),
    fuzzer("FuzzImage"),
    fuzzer("FuzzLuks"),
    fuzzer("FuzzVdi"),
    fuzzer("FuzzPrograms"),
    fuzzer("FuzzOptions"),
  ],
  swiftLanguageModes: [.v6]
)

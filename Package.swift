// swift-tools-version: 6.2
// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Settings of every target of ours: language mode 6, strict memory safety, no warning left standing.
let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

/// A module of the suite; `dependencies` point to lower layers only.
func module(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
  .target(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

/// The tests of one module.
func tests(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
  .testTarget(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

/// A C library that the system provides.
///
/// - Parameter pkgConfig: nil for one that is loaded at run time, of which only the header is needed.
func library(_ name: String, pkgConfig: String?, debian package: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([package])])
}

let package = Package(
  name: "strata",
  products: [
    .executable(name: "strata", targets: ["Main"]),
    .library(name: "Strata", targets: ["Strata"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2")
  ],
  targets: [
    // What the system provides.
    library("CZlib", pkgConfig: "zlib", debian: "zlib1g-dev"),
    library("CZstd", pkgConfig: "libzstd", debian: "libzstd-dev"),
    library("CIsal", pkgConfig: "libisal", debian: "libisal-dev"),
    library("CDeflate", pkgConfig: nil, debian: "libdeflate-dev"),
    library("CCrypto", pkgConfig: nil, debian: "libssl-dev"),
    library("CGcrypt", pkgConfig: nil, debian: "libgcrypt20-dev"),
    library("CCryptsetup", pkgConfig: nil, debian: "libcryptsetup-dev"),
    library("CBzip", pkgConfig: nil, debian: "libbz2-dev"),
    library("CLzma", pkgConfig: nil, debian: "liblzma-dev"),
    library("CNbd", pkgConfig: nil, debian: "libnbd-dev"),
    library("CXml", pkgConfig: nil, debian: "libxml2"),
    .target(name: "CLinux"),

    // The layers, lowest first.
    module("Errors", []),
    module("Bytes", ["CLinux"]),
    module("Host", ["Errors", "Bytes", "CLinux"]),
    module("Options", ["Errors", "Bytes"]),
    module("BlockGraph", ["Errors", "Bytes", "Host", "Options"]),
    module(
      "Compression", ["Errors", "Bytes", "Host", "CIsal", "CZstd", "CDeflate", "CBzip", "CLzma"]),
    module("Crypto", ["Errors", "Bytes", "Host", "Options", "CCrypto", "CGcrypt", "CCryptsetup"]),
    module("XML", ["Errors", "Bytes", "Host", "CXml"]),
    module("FileProtocol", ["BlockGraph"], path: "Sources/Protocols/File"),
    module("NBDProtocol", ["BlockGraph", "CNbd"], path: "Sources/Protocols/NBD"),
    module("NullProtocol", ["BlockGraph"], path: "Sources/Protocols/Null"),
    module("BlockTables", ["BlockGraph", "Compression", "Crypto"], path: "Sources/Formats/BlockTables"),
    module("RawFormat", ["BlockGraph"], path: "Sources/Formats/Raw"),
    module(
      "Qcow2Format", ["BlockGraph", "BlockTables", "Compression", "Crypto"], path: "Sources/Formats/Qcow2"),
    module("VdiFormat", ["BlockGraph", "BlockTables"], path: "Sources/Formats/Vdi"),
    module("QedFormat", ["BlockGraph", "BlockTables"], path: "Sources/Formats/Qed"),
    module("VmdkFormat", ["BlockGraph", "BlockTables", "Compression"], path: "Sources/Formats/Vmdk"),
    module(
      "ParallelsFormat", ["BlockGraph", "BlockTables", "Crypto", "XML"], path: "Sources/Formats/Parallels"),
    module("VpcFormat", ["BlockGraph", "BlockTables"], path: "Sources/Formats/Vpc"),
    module("VhdxFormat", ["BlockGraph", "BlockTables", "Compression"], path: "Sources/Formats/Vhdx"),
    module(
      "QcowFormat", ["BlockGraph", "BlockTables", "Compression", "Crypto"], path: "Sources/Formats/Qcow"),
    module("BochsFormat", ["BlockGraph", "BlockTables"], path: "Sources/Formats/Bochs"),
    module("CloopFormat", ["BlockGraph", "BlockTables", "Compression"], path: "Sources/Formats/Cloop"),
    module(
      "DmgFormat", ["BlockGraph", "BlockTables", "Compression", "Crypto", "XML"], path: "Sources/Formats/Dmg"),
    module("OvaFormat", ["BlockGraph", "Compression", "Crypto", "XML"], path: "Sources/Formats/Ova"),
    module("LuksFormat", ["BlockGraph", "Crypto"], path: "Sources/Formats/Luks"),
    module("Filters", ["BlockGraph"], path: "Sources/Formats/Filters"),
    module("Secrets", ["BlockGraph", "Crypto"]),
    module(
      "Jobs",
      [
        "BlockGraph", "Crypto", "FileProtocol", "NBDProtocol", "NullProtocol", "RawFormat", "Qcow2Format",
        "VdiFormat", "QedFormat", "ParallelsFormat", "VpcFormat", "VhdxFormat", "VmdkFormat",
        "QcowFormat", "BochsFormat", "CloopFormat", "DmgFormat", "OvaFormat", "LuksFormat", "Filters",
      ]),
    module(
      "Commands",
      [
        "Jobs", "Filters", "Secrets", "Crypto",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    module("Strata", ["Jobs"]),
    .executableTarget(name: "Main", dependencies: ["Commands"]),

    // Tests, beside the layers they test.
    module("Support", ["Jobs", "Compression", "CLinux", "CBzip", "CLzma"], path: "Tests/Support"),
    tests("BytesTests", ["Bytes", "Support"]),
    tests("HostTests", ["Host", "Support"]),
    tests("OptionsTests", ["Options", "Support"]),
    tests("BlockGraphTests", ["BlockGraph", "Support"]),
    tests("CompressionTests", ["Compression", "CZlib", "Support"]),
    tests("CryptoTests", ["Crypto", "Support"]),
    tests("XMLTests", ["XML", "Support"]),
    tests("FileProtocolTests", ["FileProtocol", "Support"]),
    tests("NBDProtocolTests", ["NBDProtocol", "Support"]),
    tests("RawFormatTests", ["RawFormat", "Support"]),
    tests("Qcow2FormatTests", ["Qcow2Format", "Support"]),
    tests("BlockTablesTests", ["BlockTables", "FileProtocol", "Jobs", "Support"]),
    tests("VdiFormatTests", ["VdiFormat", "Support"]),
    tests("QedFormatTests", ["QedFormat", "Support"]),
    tests("ParallelsFormatTests", ["ParallelsFormat", "Crypto", "Support"]),
    tests("VpcFormatTests", ["VpcFormat", "Support"]),
    tests("VhdxFormatTests", ["VhdxFormat", "Support"]),
    tests("VmdkFormatTests", ["VmdkFormat", "Support"]),
    tests("QcowFormatTests", ["QcowFormat", "Support"]),
    tests("BochsFormatTests", ["BochsFormat", "Support"]),
    tests("CloopFormatTests", ["CloopFormat", "Support"]),
    tests("DmgFormatTests", ["DmgFormat", "Support"]),
    tests("OvaFormatTests", ["OvaFormat", "Support"]),
    tests("LuksFormatTests", ["LuksFormat", "Support"]),
    tests("FiltersTests", ["Filters", "Support"]),
    tests("SecretsTests", ["Secrets", "Support"]),
    tests("JobsTests", ["Jobs", "Crypto", "Support"]),
    tests("CommandsTests", ["Commands", "Support"]),
    tests("StrataTests", ["Strata", "Support"]),
    tests("InteropTests", ["Support"]),
    tests("GoldenTests", ["Support"], path: "Tests/Golden/runner"),
  ],
  swiftLanguageModes: [.v6]
)

// Fuzz targets, whose `main` is libFuzzer's: Scripts/fuzz builds them.
if Context.environment["STRATA_FUZZ"] != nil {
  package.targets.append(module("FuzzSupport", ["Jobs", "Support"], path: "Fuzz/FuzzSupport"))
  for name in [
    "FuzzImage", "FuzzLuks", "FuzzBlockTables", "FuzzReadOnly", "FuzzDescriptions", "FuzzPrograms",
    "FuzzOptions",
  ] {
    package.targets.append(
      .executableTarget(
        name: name, dependencies: ["FuzzSupport"], path: "Fuzz/\(name)",
        swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Jobs

/// Prints ranges as they are found.
protocol MapRenderer {
  /// Prints what comes first.
  mutating func begin()
  /// Prints one range, where it belongs into the list.
  mutating func add(_ entry: MapEntry) throws(BlockError)
  /// Prints what comes last.
  mutating func end()
}

/// A table of the data that lies in files as it is.
struct MapText: MapRenderer {
  private let console: Console
  /// The file of the last row, and its name.
  private var last: (host: ChainStatus.Host, name: String)?

  init(_ console: Console) { self.console = console }

  func begin() { row("Offset", "Length", "Mapped to", "File") }

  mutating func add(_ entry: MapEntry) throws(BlockError) {
    let status = entry.status
    guard status.isData, !status.isZero else { return }
    guard let offset = status.hostOffset, let host = status.host else {
      throw BlockError(
        .unsupported, "File contains external, encrypted or compressed clusters.",
        advice: "--output=json shows every range, whatever holds it.")
    }
    row(MapText.hex(entry.start), MapText.hex(status.length), MapText.hex(offset), name(of: host))
  }

  func end() {}

  /// The name of a file, or that which opens what stands above it here: a filter, or a part of a file.
  private mutating func name(of host: ChainStatus.Host) -> String {
    if let last, last.host == host { return last.name }
    let node = host.node.visible
    let name = node.children.isEmpty ? node.fileName : ImageInformation.name(of: node)
    last = (host, name)
    return name
  }

  private func row(_ start: String, _ length: String, _ place: String, _ file: String) {
    console.print(Columns.left(start, 16) + Columns.left(length, 16) + Columns.left(place, 16) + file + "\n")
  }

  private static func hex(_ number: UInt64) -> String {
    number == 0 ? "0" : "0x" + String(number, radix: 16)
  }
}

/// Every range as an object, one a line.
struct MapJSON: MapRenderer {
  private let console: Console
  private let start: UInt64
  private var isEmpty = true

  init(_ console: Console, start: UInt64) {
    self.console = console
    self.start = start
  }

  func begin() { console.print("[") }

  mutating func add(_ entry: MapEntry) {
    let status = entry.status
    add(
      entry.start, status.length, status.depth, status.isPresent, status.isZero, status.isData,
      status.isCompressed, status.hostOffset)
  }

  mutating func end() {
    // An empty list would say the same, but there always is an entry.
    if isEmpty { add(start, 0, 0, false, false, false, false, nil) }
    console.print("]\n")
  }

  private mutating func add(
    _ start: UInt64, _ length: UInt64, _ depth: Int, _ isPresent: Bool, _ isZero: Bool, _ isData: Bool,
    _ isCompressed: Bool, _ offset: UInt64?
  ) {
    let place = offset.map { ", \"offset\": \($0)" } ?? ""
    console.print(
      "\(isEmpty ? "" : ",\n"){ \"start\": \(start), \"length\": \(length), \"depth\": \(depth), "
        + "\"present\": \(isPresent), \"zero\": \(isZero), \"data\": \(isData), "
        + "\"compressed\": \(isCompressed)\(place)}")
    isEmpty = false
  }
}

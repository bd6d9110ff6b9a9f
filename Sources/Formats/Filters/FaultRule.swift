// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// When requests fail, and how.
struct FaultRule: Equatable {
  /// What brings the rule into play.
  enum Trigger: Equatable {
    /// Guest data is read or written.
    case data(DataAccess)
    /// Any request of one of these kinds, tables and all.
    case requests(Set<RequestKind>)
  }

  /// What can be asked of storage.
  enum RequestKind: String, CaseIterable {
    case read, write, discard, flush
    case writeZeroes = "write-zeroes"
    case blockStatus = "block-status"
  }

  var trigger: Trigger
  /// The error number that the request fails with.
  var number: Int32 = 5
  /// The one sector, counted in 512 bytes from the start of the storage, that a range must touch; nil for all.
  var sector: UInt64?
  /// Whether the rule is used up by one failure.
  var isOnce = false

  /// Bytes of the largest file of rules.
  static let largestFile = 1 << 20

  /// Reads a rule.
  ///
  /// - Throws: kind `invalidArgument` for what makes no sense, kind `unsupported` for events that do not occur here.
  init(_ options: OptionObject) throws(BlockError) {
    var options = options
    let event = try options.takeString("event") ?? "none"
    let kind = try options.takeString("iotype")
    switch event {
    case "none":
      guard let kind else {
        // As the peer has it: looking for data does no harm unless it is asked for.
        trigger = .requests(Set(RequestKind.allCases).subtracting([.blockStatus]))
        break
      }
      guard let known = RequestKind(rawValue: kind) else {
        throw BlockError(.invalidArgument, "Parameter 'iotype' does not accept value '\(kind)'")
      }
      trigger = .requests([known])
    case "read_aio": trigger = .data(.read)
    case "write_aio": trigger = .data(.write)
    default:
      throw BlockError(
        .unsupported, "The event '\(event)' is not supported",
        advice: "There are 'read_aio' and 'write_aio' for guest data, and 'none' for every request.")
    }
    if event != "none" && kind != nil {
      throw BlockError(.invalidArgument, "'iotype' goes with the event 'none' only")
    }
    if let text = try options.takeString("errno") {
      guard let value = Int32(text), value > 0, value < 4096 else {
        throw BlockError(.invalidArgument, "Parameter 'errno' expects the number of an error")
      }
      number = value
    }
    if let text = try options.takeString("sector") {
      guard let value = UInt64(text) else {
        throw BlockError(.invalidArgument, "Parameter 'sector' expects a number")
      }
      sector = value
    }
    isOnce = try options.takeBool("once") ?? false
    // Here requests fail when they are made; there is no later.
    _ = try options.takeBool("immediately")
    if let left = options.keys.first {
      throw BlockError(.unsupported, "A rule 'inject-error' does not support the option '\(left)'")
    }
  }

  /// Whether a range of the storage is meant.
  func covers(_ range: Range<UInt64>?) -> Bool {
    guard let sector, let range else { return true }
    guard let start = sector.times(512), let end = start.plus(512) else { return false }
    return range.overlaps(start..<end)
  }

  /// Reads rules in sections `[inject-error]` of lines `name = "value"`.
  static func parse(_ text: String) throws(BlockError) -> [FaultRule] {
    var rules: [FaultRule] = []
    var section: OptionObject?
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
      // What a message quotes is no text of ours.
      let line = String(spelling: FaultRule.trimmed(line).utf8)[...]
      if line.isEmpty || line.hasPrefix("#") { continue }
      if line.hasPrefix("[") {
        if let section { rules.append(try FaultRule(section)) }
        guard line == "[inject-error]" else {
          throw BlockError(.unsupported, "line \(number + 1): the section \(line) is not supported")
        }
        section = [:]
        continue
      }
      guard section != nil, let equal = line.firstIndex(of: "=") else {
        throw BlockError(.invalidArgument, "line \(number + 1): parse error")
      }
      var value = FaultRule.trimmed(line[line.index(after: equal)...])
      if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
        value = value.dropFirst().dropLast()
      }
      section?[String(FaultRule.trimmed(line[..<equal]))] = .string(String(value))
    }
    if let section { rules.append(try FaultRule(section)) }
    return rules
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }
}

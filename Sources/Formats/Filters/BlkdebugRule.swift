// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Options

/// An event and the action that it causes.
struct BlkdebugRule: Equatable {
  /// The effect of a rule.
  enum Action: Equatable {
    /// The requests that follow fail, as far as the fault says.
    case fail(Fault)
    /// The rules are in another state.
    case enter(Int64)
  }

  /// The requests that fail, and their error.
  struct Fault: Equatable {
    /// The error number; requests pass where it is none.
    var number: Int32 = 5
    /// A byte that a request must touch; nil for all.
    var offset: UInt64?
    /// The requests that are meant.
    var kinds: Set<FilteredRequest.Kind>
    /// Whether the rule is used up by one failure.
    var isOnce = false

    /// Whether a request is meant.
    func covers(_ request: FilteredRequest) -> Bool {
      guard kinds.contains(request.kind) else { return false }
      return offset.map { request.range.contains($0) } ?? true
    }
  }

  /// The options that are lists of rules.
  enum Section: String, CaseIterable {
    case injectError = "inject-error"
    case setState = "set-state"

    /// The options of a rule.
    var options: OptionList {
      let both = [
        OptionSpec("event", .string, "when it holds"), OptionSpec("state", .number, "in which state"),
      ]
      let own =
        switch self {
        case .injectError:
          [
            OptionSpec("iotype", .string, "which requests fail"),
            OptionSpec("errno", .number, "with which error"),
            OptionSpec("sector", .number, "where they fail"), OptionSpec("once", .bool, "whether one fails"),
            OptionSpec("immediately", .bool, "whether at once"),
          ]
        case .setState: [OptionSpec("new_state", .number, "the state that is entered")]
        }
      return OptionList(both + own)
    }
  }

  var event: BlockEvent
  /// The state in which the rule holds; 0 for any.
  var state: Int64
  var action: Action

  /// Reads a rule.
  ///
  /// - Throws: kind `invalidArgument` for what makes no sense.
  init(_ section: Section, _ options: OptionObject) throws(BlockError) {
    var options = options
    let known = section.options
    for key in options.keys where known[key] == nil {
      throw BlockError(
        .invalidArgument, "[\(section.rawValue)] section doesn't support the option '\(key)'")
    }
    guard let name = try options.takeString("event") else {
      throw BlockError(.invalidArgument, "Missing event name for rule")
    }
    guard let event = BlockEvent(rawValue: name) else {
      throw BlockError(.invalidArgument, "invalid parameter value: \(name)")
    }
    self.event = event
    state = try options.takeNumber("state") ?? 0
    switch section {
    case .injectError: action = .fail(try BlkdebugRule.fault(&options))
    case .setState: action = .enter(try options.takeNumber("new_state") ?? 0)
    }
  }

  private static func fault(_ options: inout OptionObject) throws(BlockError) -> Fault {
    // Looking for data does no harm unless it is asked for.
    var fault = Fault(kinds: [.read, .write, .writeZeroes, .discard, .flush])
    if let name = try options.takeString("iotype") {
      guard let kind = FilteredRequest.Kind(rawValue: name), kind != .truncate else {
        throw BlockError(.invalidArgument, "invalid parameter value: \(name)")
      }
      fault.kinds = [kind]
    }
    if let number = try options.takeNumber("errno") { fault.number = Int32(clamping: number) }
    if let sector = try options.takeNumber("sector"), sector >= 0 {
      // No request touches the largest offset.
      fault.offset = UInt64(sector).times(512) ?? .max
    }
    fault.isOnce = try options.takeBool("once") ?? false
    // Requests fail when they are made; there is no later.
    _ = try options.takeBool("immediately")
    return fault
  }
}

/// The rules of a node, and which of them are in force.
struct BlkdebugRules {
  /// A rule by its place in the list, so that it can be told from one that says the same.
  private var rules: [(number: Int, rule: BlkdebugRule)] = []
  /// Rules whose event has occurred, the first one first.
  private var active: [(number: Int, fault: BlkdebugRule.Fault)] = []
  private var state: Int64 = 1

  /// Rules of which none is in force yet.
  init(_ list: [BlkdebugRule]) {
    for (number, rule) in list.enumerated() { rules.append((number, rule)) }
  }

  /// An event occurs: its faults are in force until those of another event are.
  mutating func note(_ event: BlockEvent) {
    let present = state
    var found: [(number: Int, fault: BlkdebugRule.Fault)] = []
    for (number, rule) in rules.reversed() {
      guard rule.event == event, rule.state == 0 || rule.state == present else { continue }
      switch rule.action {
      case .fail(let fault): found.append((number, fault))
      case .enter(let next): state = next
      }
    }
    if !found.isEmpty { active = found.reversed() }
  }

  /// The number of the error that a request fails with, if it does.
  mutating func failure(of request: FilteredRequest) -> Int32? {
    guard let index = active.firstIndex(where: { $0.fault.covers(request) }) else { return nil }
    let (number, fault) = active[index]
    guard fault.number > 0 else { return nil }
    if fault.isOnce {
      active.remove(at: index)
      rules.removeAll { $0.number == number }
    }
    return fault.number
  }
}

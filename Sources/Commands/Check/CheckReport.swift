// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Options

/// The counts of a check, for people and for programs.
struct CheckReport {
  private let result: CheckResult
  /// Where the image is going, and what it would be refused for there.
  private let destination: (name: String, words: String, refusals: [String])?

  init(_ result: CheckResult, _ destination: Destination? = nil, refusals: [String] = []) {
    self.result = result
    self.destination = destination.map { ($0.rawValue, $0.words, refusals) }
  }

  // MARK: For people

  /// Lines as scripts know them.
  var text: String {
    var text = ""
    if result.corruptions == 0 && result.leaks == 0 && result.checkErrors == 0 {
      text += "No errors were found on the image.\n"
    }
    if result.corruptions > 0 {
      text += "\n\(result.corruptions) errors were found on the image.\n"
      text += "Data may be corrupted, or further writes to the image may corrupt it.\n"
    }
    if result.leaks > 0 {
      text += "\n\(result.leaks) leaked clusters were found on the image.\n"
      text += "This means waste of disk space, but no harm to data.\n"
    }
    if result.checkErrors > 0 {
      text += "\n\(result.checkErrors) internal errors have occurred during the check.\n"
    }
    if result.totalClusters > 0 && result.allocatedClusters > 0 { text += statistics }
    if result.imageEndOffset > 0 { text += "Image end offset: \(result.imageEndOffset)\n" }
    return text
  }

  /// Whether the image would be taken where it is going.
  var verdict: String {
    guard let destination else { return "" }
    guard !destination.refusals.isEmpty else {
      return "\(destination.words) takes the image, as far as can be told.\n"
    }
    return "\(destination.words) would refuse the image:\n"
      + destination.refusals.map { "  \($0)\n" }.joined()
  }

  /// The text about a repair, before the check that follows it.
  var repaired: String {
    """
    The following inconsistencies were found and repaired:

        \(result.leaksFixed) leaked clusters
        \(result.corruptionsFixed) corruptions

    Double checking the fixed image now...

    """
  }

  private var statistics: String {
    let allocated = result.allocatedClusters
    return "\(allocated)/\(result.totalClusters) = \(Columns.percent(allocated, of: result.totalClusters))% "
      + "allocated, \(Columns.percent(result.fragmentedClusters, of: allocated))% fragmented, "
      + "\(Columns.percent(result.compressedClusters, of: allocated))% compressed clusters\n"
  }

  // MARK: For programs

  /// An object whose keys other programs know in this order; counts of zero are left out, but for the first one.
  func tree(file: String, format: String) -> OptionTree {
    var object = OptionObject()
    func add(_ key: String, _ number: UInt64) {
      if number > 0 { object[key] = OptionTree(number) }
    }
    add("image-end-offset", result.imageEndOffset)
    add("compressed-clusters", result.compressedClusters)
    add("total-clusters", result.totalClusters)
    add("corruptions", result.corruptions)
    add("corruptions-fixed", result.corruptionsFixed)
    object["check-errors"] = OptionTree(result.checkErrors)
    add("leaks", result.leaks)
    add("leaks-fixed", result.leaksFixed)
    add("allocated-clusters", result.allocatedClusters)
    object["filename"] = .string(file)
    object["format"] = .string(format)
    add("fragmented-clusters", result.fragmentedClusters)
    if let destination {
      object["target"] = .string(destination.name)
      object["refusals"] = .array(destination.refusals.map { .string($0) })
    }
    return .object(object)
  }
}

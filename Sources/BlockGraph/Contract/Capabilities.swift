// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The abilities of a node that not every node has: copying chooses its plan by it.
package struct Capabilities: OptionSet, Sendable, Hashable {
  /// The raw bits.
  package let rawValue: UInt8
  /// Makes a set from raw bits.
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Only takes what comes next behind its end: nothing is written a second time, and nothing left out but what
  /// `compressedOnly` allows for.
  package static let appendOnly = Capabilities(rawValue: 1)
  /// Zeros need not be stored as other data is: a hole or a mark stands for them.
  package static let nativeZeroes = Capabilities(rawValue: 2)
  /// May have what is written copied by its storage, without the bytes passing through memory of ours.
  package static let copiesRanges = Capabilities(rawValue: 4)
  /// Only takes whole clusters that are compressed, in order and each once; those not taken read as zeros.
  package static let compressedOnly = Capabilities(rawValue: 8)
  /// Takes the wish for compressed clusters, and stores all as it is.
  package static let ignoresCompression = Capabilities(rawValue: 16)
  /// May have any number of bytes, not only whole sectors.
  package static let anyLength = Capabilities(rawValue: 32)
}

extension BlockDriver {
  /// Zeros are told apart.
  package func capabilities(of node: Node) -> Capabilities { .nativeZeroes }
}

extension CopyingDriver {
  /// Copies, and tells zeros apart.
  package func capabilities(of node: Node) -> Capabilities { [.nativeZeroes, .copiesRanges] }
}

extension EncryptingStorage {
  /// None: what reads as zero is noise.
  package func capabilities(of node: Node) -> Capabilities { [] }
}

extension FormatDriver {
  /// Zeros are told apart; data is copied where all that holds it copies, unless it is encrypted.
  package func capabilities(of node: Node) -> Capabilities {
    let holders = node.children.filter { $0.role.contains(.data) }
    let copies =
      node.encryption == nil && holders.allSatisfy { $0.child.capabilities.contains(.copiesRanges) }
    return copies ? [.nativeZeroes, .copiesRanges] : .nativeZeroes
  }
}

extension FilterDriver {
  /// Those of what lies below, but that nothing is copied past a filter.
  package func capabilities(of node: Node) -> Capabilities {
    ((try? below(node))?.capabilities ?? []).subtracting(.copiesRanges)
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The units of a disk that writes under way have claimed, so that nobody moves or frees what they write to.
///
/// Belongs to its owner's lock, which is notified after each release.
package struct WriteClaims: Sendable {
  private struct Claim {
    let id: UInt64
    var units: Range<UInt64>
    let isShared: Bool
  }

  private var claims: [Claim] = []
  private var nextID: UInt64 = 1

  /// Nothing is claimed.
  package init() {}

  /// Claims a range; writes to places that stay where they are share it with each other.
  ///
  /// - Returns: the id of the claim, for `release`.
  package mutating func claim(_ units: Range<UInt64>, shared isShared: Bool) -> UInt64 {
    let id = open()
    claims.append(Claim(id: id, units: units, isShared: isShared))
    return id
  }

  /// A claim without units, to which ranges can be added.
  package mutating func open() -> UInt64 {
    defer { nextID += 1 }
    return nextID
  }

  /// Adds a range to a claim that shares nothing. Neighbours that are added one after the other are one range.
  package mutating func add(_ units: Range<UInt64>, to id: UInt64) {
    if let last = claims.last, last.id == id, !last.isShared, last.units.upperBound == units.lowerBound {
      claims[claims.count - 1].units = last.units.lowerBound..<units.upperBound
    } else {
      claims.append(Claim(id: id, units: units, isShared: false))
    }
  }

  /// Gives a claim back.
  package mutating func release(_ id: UInt64) { claims.removeAll { $0.id == id } }

  /// The start of a range that can be claimed; empty where its first unit cannot.
  package func free(_ units: Range<UInt64>, shared isShared: Bool) -> Range<UInt64> {
    var end = units.upperBound
    for claim in claims where claim.units.overlaps(units.lowerBound..<end) && !(isShared && claim.isShared) {
      end = max(claim.units.lowerBound, units.lowerBound)
    }
    return units.lowerBound..<end
  }
}

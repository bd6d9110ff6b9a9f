// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// A set of host clusters that may say yes wrongly but never no: one bit for each cluster, modulo its size.
struct MetadataMap {
  private var words: [UInt64]
  private let mask: UInt64
  /// So many clusters were entered, some of them perhaps more than once; beyond the number of bits it says yes always.
  private var entered: UInt64 = 0

  /// Large enough to be exact for a file of so many clusters, up to a bound of 1 MiB.
  init(clusters: UInt64) {
    var bits: UInt64 = 1 << 12
    while bits < clusters, bits < 1 << 23 { bits <<= 1 }
    words = [UInt64](repeating: 0, count: Int(bits / 64))
    mask = bits - 1
  }

  mutating func insert(_ cluster: UInt64) {
    let bit = cluster & mask
    words[Int(bit >> 6)] |= 1 << (bit & 63)
  }

  mutating func insert(from offset: UInt64, bytes: UInt64, _ geometry: Geometry) {
    guard bytes > 0, entered <= mask else { return }
    entered += geometry.clusters(covering: bytes)
    guard entered <= mask else { return }
    for cluster in offset >> geometry.clusterBits...(offset + bytes - 1) >> geometry.clusterBits {
      insert(cluster)
    }
  }

  func mayContain(anyOf clusters: Range<UInt64>) -> Bool {
    guard entered <= mask else { return true }
    for cluster in clusters {
      let bit = cluster & mask
      if words[Int(bit >> 6)] & 1 << (bit & 63) != 0 { return true }
    }
    return false
  }
}

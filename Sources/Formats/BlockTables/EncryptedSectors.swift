// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Crypto
package import Errors

/// Encrypted sectors of a file.
package struct EncryptedSectors {
  private let file: Edge
  private let cipher: SectorCipher

  /// Those of `file`, which `cipher` made.
  package init(of file: Edge, by cipher: SectorCipher) {
    self.file = file
    self.cipher = cipher
  }

  /// Reads and decrypts bytes at an offset; the ends need not be those of sectors.
  ///
  /// - Parameters:
  ///   - skip: bytes of the first sector before `offset`.
  ///   - number: the number that the IV of that sector is made of.
  package func read(
    at offset: UInt64, skip: UInt64, number: UInt64, into buffer: inout MutableRawSpan
  ) throws(BlockError) {
    let unit: UInt64 = 512
    if skip == 0, buffer.byteCount % Int(unit) == 0 {
      try file.read(at: offset, into: &buffer)
      return try cipher.decrypt(&buffer, from: number)
    }
    guard let count = (skip + UInt64(buffer.byteCount)).roundedUp(to: unit) else { return }
    let whole = Buffer(count: Int(count))
    var bytes = whole.mutableBytes
    try file.read(at: offset - skip, into: &bytes)
    try cipher.decrypt(&bytes, from: number)
    buffer.copy(whole.bytes.slice(Int(skip)..<Int(skip) + buffer.byteCount))
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Crypto
import Errors
import Host
import Support
import Testing

/// Each defect ends in one line that names it, quickly, and the header stays as it is.
@Suite struct BrokenHeaderTests {
  @Test("version 1", arguments: BrokenHeaders.version1)
  func version1(_ defect: BrokenHeaders.Defect) { check(defect, BrokenHeaders.whole1) }

  @Test("version 2", arguments: BrokenHeaders.version2)
  func version2(_ defect: BrokenHeaders.Defect) { check(defect, BrokenHeaders.whole2) }

  private func check(_ defect: BrokenHeaders.Defect, _ whole: [UInt8]) {
    #expect(!whole.isEmpty)
    let area = MemoryArea(0)
    area.bytes = whole
    defect.breakIt(&area.bytes)
    let before = area.bytes
    let start = Clock.now
    do {
      let header = try LuksHeader(in: area)
      _ = try header.unlock(LuksHeaderTests.secret("a"), in: area)
      Issue.record("opened")
    } catch {
      #expect(error.message.contains(defect.complaint), "\(error.message)")
      #expect(!error.message.contains("\n") && !error.message.contains("/proc/"))
    }
    #expect(Clock.now - start < 5)
    #expect(area.bytes == before)
  }

  @Test("one whole copy of version 2 is enough, whichever it is", arguments: [0, 16384])
  func oneCopy(_ damaged: Int) throws {
    let area = MemoryArea(0)
    area.bytes = BrokenHeaders.whole2
    for index in damaged + 8..<damaged + 4200 { area.bytes[index] ^= 0x5A }
    let header = try LuksHeader(in: area)
    #expect(header.activeSlots == [0])
    _ = try header.unlock(LuksHeaderTests.secret("a"), in: area)
  }
}

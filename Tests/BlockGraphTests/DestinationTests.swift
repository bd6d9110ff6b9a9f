// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Testing

/// Where images go, and by which rules.
@Suite struct DestinationTests {
  @Test func lengthsAreRoundedUpToWhatIsTaken() throws {
    #expect(try Destination.azure.length(1, format: "vpc") == 20 << 20)
    #expect(try Destination.azure.length((32 << 40) - 5, format: "vpc") == 32 << 40)
    #expect(throws: BlockError.self) { try Destination.azure.length((32 << 40) + 1, format: "vpc") }
    #expect(try Destination.gcp.length((1 << 30) + 1, format: "raw") == 2 << 30)
    #expect(try Destination.gcp.length((1 << 30) + 1, format: "vmdk") == 1025 << 20)
    #expect(throws: BlockError.self) { try Destination.aws.length(.max, format: "raw") }
  }

  @Test func whatIsRoundedIsTaken() throws {
    for destination in Destination.allCases {
      for format in destination.formats {
        for size: UInt64 in [0, 1, 511, 20 << 20, (3 << 30) + 512] {
          let length = try destination.length(size, format: format)
          #expect(length >= size)
          #expect(
            size == 0 || destination.deviations(ofLength: length, format: format).isEmpty,
            "\(destination) \(format) \(size)")
        }
      }
    }
  }

  @Test func lengthsThatAreNotTakenAreTold() {
    #expect(
      Destination.azure.deviations(ofLength: 3 << 19, format: "vpc") == [
        "the disk of 1572864 bytes is no whole number of MiB",
        "the disk of 1572864 bytes is shorter than 20 MiB",
      ])
    #expect(
      Destination.esxi.deviations(ofLength: 63 << 40, format: "vmdk") == [
        "the disk of 69269232549888 bytes is longer than 62 TiB"
      ])
  }

  @Test func aFormatThatIsNotTakenIsRefusedWithThoseThatAre() {
    let error = #expect(throws: BlockError.self) { try Destination("azure", format: "qcow2") }
    #expect(error?.message == "Azure takes no images of format 'qcow2'")
    #expect(throws: BlockError.self) { try Destination("moon", format: "vpc") }
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
internal import Crypto
package import Errors

extension LuksFormat: InspectingKind {
  /// Reads the header without any secret: version, cipher, slots, and where the data starts.
  package func inspect(_ file: InspectedFile) throws(BlockError) -> HeaderFindings {
    let fileLength = file.length
    let area = HeadArea(file.head.bytes, length: fileLength)
    var findings = HeaderFindings(virtualSize: 0)
    findings.encryption = "luks"
    let header: LuksHeader
    do throws(BlockError) {
      header = try LuksHeader(in: area)
    } catch {
      if let detached = try? LuksHeader(in: area, isDetached: true), detached.payloadOffset == 0 {
        LuksFormat.add(detached, 0, to: &findings)
        return findings
      }
      guard LuksHeader.isAnnounced(in: area) else { throw error }
      // Costs without end, and places beyond the file, are what a hostile header is made of.
      findings.defects.append(error.message)
      return findings
    }
    let data = fileLength - min(fileLength, header.payloadOffset)
    findings.virtualSize = header.payloadLength.map { min($0, data) } ?? data
    LuksFormat.add(header, data, to: &findings)
    for slot in header.slots where slot.isActive && slot.area.upperBound > header.payloadOffset {
      findings.defects.append("the key material of slot \(slot.number) overlaps the data")
    }
    return findings
  }

  private static func add(_ header: LuksHeader, _ data: UInt64, to findings: inout HeaderFindings) {
    findings.details = details(header)
    if !header.isFirstCopy { findings.remarks.append("only the second copy of its header is whole") }
    let unusable = header.unusableSlots
    for slot in unusable { findings.remarks.append(slot.reason) }
    if !unusable.isEmpty, unusable.count == header.activeSlots.count {
      findings.defects.append("none of its keys can be used")
    }
    findings.defects += defects(header, data)
  }

  private static func details(_ header: LuksHeader) -> [HeaderDetail] {
    let slots = header.activeSlots.map { String($0) }.joined(separator: ", ")
    var details = [
      HeaderDetail("version", .number(UInt64(header.version))),
      HeaderDetail("cipher", .text("\(header.cipher)-\(header.mode)")),
      HeaderDetail("key-bits", .number(UInt64(header.keyBytes) * 8)),
      HeaderDetail("hash", .text(header.hash)),
      HeaderDetail("keys-in-slots", .text(slots.isEmpty ? "none" : "\(slots) of \(header.slotCount)")),
      header.isDetached
        ? HeaderDetail("payload", .text("in another file"))
        : HeaderDetail("payload-offset", .bytes(header.payloadOffset)),
      HeaderDetail("sector-size", .bytes(UInt64(header.sectorSize))),
      HeaderDetail("uuid", .text(header.uuid)),
    ]
    if !header.label.isEmpty { details.append(HeaderDetail("label", .text(header.label))) }
    return details
  }

  private static func defects(_ header: LuksHeader, _ data: UInt64) -> [String] {
    var defects: [String] = []
    do throws(BlockError) {
      _ = try header.cipherSpec()
      _ = try Digest(header.hash)
    } catch {
      defects.append(error.message)
    }
    if let length = header.payloadLength, length > data, !header.isDetached {
      defects.append("the encrypted data ends past the end of the file")
    }
    return defects
  }
}

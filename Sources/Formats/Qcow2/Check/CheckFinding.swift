// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph

/// One contradiction that a check found, with its place, so that it can be told and, one day, mended.
enum CheckFinding: Sendable, Equatable {
  /// A table entry has bits set that must be zero.
  case reservedBitsL1(entry: UInt64)
  case reservedBitsL2(entry: UInt64)
  case reservedBitsRefcountTable(index: Int)

  /// A table or cluster does not start at a multiple of the cluster size.
  case unalignedL2Table(offset: UInt64)
  case unalignedCluster(offset: UInt64, isPreallocated: Bool)
  case unalignedRefcountBlock(index: Int)
  case unalignedSnapshotL1(id: String, name: String, offset: UInt64)

  /// An L2 table that lies on metadata of another kind.
  case overlappingL2Table(offset: UInt64)
  /// An L1 table of a snapshot that lies on something else.
  case overlappingSnapshotL1(id: String, name: String, offset: UInt64)
  /// More references than a refcount can hold.
  case tooManyReferences(cluster: UInt64, references: UInt64)
  /// A bitmap that its directory entry or its table contradicts.
  case brokenBitmap(index: Int, reason: String)
  case brokenBitmapDirectory(reason: String)

  /// Something refers to bytes that the file does not have.
  case pastEnd(offset: UInt64, bytes: UInt64)
  case refcountBlockOutside(index: Int)

  /// A compressed cluster where there must be none, or marked as it must not be.
  case compressedCopied(offset: UInt64)
  case compressedInDataFile(index: Int, entry: UInt64)
  case compressedWithBitmap(index: Int, entry: UInt64)

  /// The subcluster bitmap contradicts itself or the entry.
  case bitmapContradiction(offset: UInt64)
  case bitmapWithoutCluster

  /// Snapshots.
  case snapshotL1TooLarge(id: String, name: String, size: UInt32)
  case snapshotIncomplete(index: Int)

  /// A refcount block that more than the refcount table refers to.
  case refcountBlockShared(index: Int, references: UInt64)
  /// A cluster with fewer references than it is counted to have.
  case leak(cluster: UInt64, refcount: UInt64, references: UInt64)
  /// A cluster with more references than it is counted to have.
  case tooFewCounted(cluster: UInt64, refcount: UInt64, references: UInt64)

  /// The mark for "refcount is 1" is wrong.
  case copiedFlagL1(index: Int, entry: UInt64, refcount: UInt64)
  case copiedFlagL2(entry: UInt64, refcount: UInt64)

  /// A refcount or a table that could not be read.
  case unreadableRefcount(cluster: UInt64)
  case unreadableTable(offset: UInt64, reason: String)

  /// How bad a finding is.
  enum Severity: Sendable, Equatable {
    case corruption, leak, checkError
  }

  /// How bad it is.
  var severity: Severity {
    switch self {
    case .leak: .leak
    case .unreadableRefcount, .unreadableTable: .checkError
    default: .corruption
    }
  }
}

extension CheckFinding {
  /// The line of a finding that is being mended.
  var repairDescription: String {
    if case .leak(let cluster, let refcount, let references) = self {
      return "Repairing cluster \(cluster) refcount=\(refcount) reference=\(references)"
    }
    let line = description
    return line.hasPrefix("ERROR") ? "Repairing" + line.dropFirst("ERROR".count) : line
  }
}

extension CheckFinding: CustomStringConvertible {
  /// One line, in the words that scripts know.
  var description: String {
    switch self {
    case .leak(let cluster, let refcount, let references):
      return "Leaked cluster \(cluster) refcount=\(refcount) reference=\(references)"
    case .tooFewCounted(let cluster, let refcount, let references):
      return "ERROR cluster \(cluster) refcount=\(refcount) reference=\(references)"
    case .unreadableRefcount(let cluster):
      return "Can't get refcount for cluster \(cluster): Input/output error"
    case .unreadableTable(let offset, let reason):
      return "ERROR cannot read table at 0x\(hex(offset)): \(reason)"
    case .copiedFlagL1(let index, let entry, let refcount):
      return "ERROR OFLAG_COPIED L2 cluster: l1_index=\(index) l1_entry=\(hex(entry)) refcount=\(refcount)"
    case .copiedFlagL2(let entry, let refcount):
      return "ERROR OFLAG_COPIED data cluster: l2_entry=\(hex(entry)) refcount=\(refcount)"
    case .pastEnd(let offset, let bytes):
      return "ERROR: counting reference for region exceeding the end of the file by one cluster or more: "
        + "offset 0x\(hex(offset)) size 0x\(hex(bytes))"
    default: return tableDescription
    }
  }

  private var tableDescription: String {
    switch self {
    case .reservedBitsL1(let entry): return "ERROR found L1 entry with reserved bits set: \(hex(entry))"
    case .reservedBitsL2(let entry): return "ERROR found l2 entry with reserved bits set: \(hex(entry))"
    case .reservedBitsRefcountTable(let index):
      return "ERROR refcount table entry \(index) has reserved bits set"
    case .unalignedL2Table(let offset):
      return "ERROR l2_offset=\(hex(offset)): Table is not cluster aligned; L1 entry corrupted"
    case .unalignedCluster(let offset, let isPreallocated):
      let kind = isPreallocated ? "Preallocated" : "Data"
      return "ERROR offset=\(hex(offset)): \(kind) cluster is not properly aligned; L2 entry corrupted."
    case .unalignedRefcountBlock(let index):
      return "ERROR refcount block \(index) is not cluster aligned; refcount table entry corrupted"
    case .refcountBlockOutside(let index): return "ERROR refcount block \(index) is outside image"
    case .refcountBlockShared(let index, let references):
      return "ERROR refcount block \(index) refcount=\(references)"
    default: return rareDescription
    }
  }

  private var rareDescription: String {
    switch self {
    case .compressedCopied(let offset):
      return "ERROR: coffset=0x\(hex(offset)): copied flag must never be set for compressed clusters"
    case .compressedInDataFile(let index, let entry):
      return "ERROR compressed cluster \(index) with data file, entry=0x\(hex(entry))"
    case .compressedWithBitmap(let index, let entry):
      return
        "ERROR compressed cluster \(index) with non-zero subcluster allocation bitmap, entry=0x\(hex(entry))"
    case .bitmapContradiction(let offset):
      return "ERROR offset=\(hex(offset)): Allocated cluster has corrupted subcluster allocation bitmap"
    case .bitmapWithoutCluster: return "ERROR: Unallocated cluster has non-zero subcluster allocation map"
    case .unalignedSnapshotL1(let id, let name, let offset):
      return "ERROR snapshot \(id) (\(name)) l1_offset=0x\(hex(offset)): L1 table is not cluster aligned; "
        + "snapshot table entry corrupted"
    case .snapshotL1TooLarge(let id, let name, let size):
      return "ERROR snapshot \(id) (\(name)) l1_size=0x\(hex(UInt64(size))): L1 table is too large; "
        + "snapshot table entry corrupted"
    case .snapshotIncomplete(let index): return "ERROR snapshot table entry \(index) is incomplete"
    case .overlappingL2Table(let offset):
      return "ERROR l2_offset=\(hex(offset)): Table overlaps other metadata; L1 entry corrupted"
    case .overlappingSnapshotL1(let id, let name, let offset):
      return "ERROR snapshot \(id) (\(name)) l1_offset=0x\(hex(offset)): L1 table overlaps something else; "
        + "snapshot table entry corrupted"
    case .tooManyReferences(let cluster, let references):
      return "ERROR cluster \(cluster) reference=\(references): more references than a refcount can hold"
    case .brokenBitmap(let index, let reason): return "ERROR bitmap \(index): \(reason)"
    case .brokenBitmapDirectory(let reason): return "ERROR bitmap directory: \(reason)"
    default: return ""
    }
  }
}

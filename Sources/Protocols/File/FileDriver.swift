// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
internal import Bytes
package import Errors
package import Host
internal import Synchronization

/// A file or block device as storage.
///
/// The open file changes only in the course of a refresh that reopens the node, which is drained then.
package final class FileDriver: CopyingDriver, InPlaceStorage, @unchecked Sendable {
  /// `file` or `host_device`.
  package let name: String
  /// The file's path as it was given.
  package let path: String
  /// The open file.
  package private(set) var file: File
  private var locks: ImageLocks?
  /// The file opened in another mode, between the check of permissions and its end.
  private var reopened: (file: File, locks: ImageLocks?)?
  private let knownLength: Atomic<UInt64>
  private let canZeroRange = Atomic(true)
  private let canPunchHole = Atomic(true)
  private let canCopyRange = Atomic(true)
  private let knownData = Mutex(KnownData())
  private let earlyWriteback: EarlyWriteback?
  let spaceAhead: SpaceAhead?

  /// A stretch that the file system called data, and how often such knowledge became void.
  private struct KnownData {
    var range: Range<UInt64> = 0..<0
    var generation = 0
  }

  /// Storage in a file that is already open. Locks are taken as permissions are granted, unless `locking` is false.
  ///
  /// - Parameter isAwaited: whether the file is going to be made durable once it is filled, so that it is worth writing
  ///   to the disk meanwhile.
  /// - Parameter spaceAhead: what takes space for the file, which is empty, ahead of what is written.
  package init(
    _ file: File, path: String, name: String = "file", locking: Bool = true, isAwaited: Bool = false,
    spaceAhead: SpaceAhead? = nil
  ) {
    self.file = file
    self.path = path
    self.name = name
    locks = locking ? ImageLocks(file, path: path) : nil
    knownLength = Atomic((try? file.length()) ?? 0)
    earlyWriteback = isAwaited ? EarlyWriteback(file) : nil
    self.spaceAhead = spaceAhead
  }

  /// Length in bytes.
  package func length(of node: Node) -> UInt64 { length }
  /// Length in bytes.
  package var length: UInt64 { knownLength.load(ordering: .acquiring) }

  /// The bytes that the file takes in its file system; nil where that cannot be told.
  package func allocatedLength(of node: Node) -> UInt64? { try? file.allocatedLength() }

  // MARK: Graph hooks

  /// Past the page cache, whole sectors at a time.
  package func limits(of node: Node) -> Limits {
    var limits = Limits()
    if node.flags.contains(.direct) { limits.requestAlignment = UInt64(file.directAlignment) }
    return limits
  }

  /// Turns the claim into locks that other programs see, and opens the file anew where the node's flags ask for
  /// another mode.
  package func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    try lock(request, node)
    let mode = FileDriver.mode(node.flags)
    let isInMode = file.isWritable == mode.contains(.writable) && file.isDirect == mode.contains(.direct)
    if !isInMode { reopened = try openAnew(mode) }
  }

  /// How a node with these flags has its file open.
  static func mode(_ flags: NodeFlags) -> File.Mode {
    var mode: File.Mode = []
    if flags.contains(.writable) { mode.insert(.writable) }
    if flags.contains(.direct) { mode.insert(.direct) }
    return mode
  }

  private func openAnew(_ mode: File.Mode) throws(BlockError) -> (file: File, locks: ImageLocks?) {
    let path = path
    return try inFile(path, "Could not reopen") { () throws(BlockError) in
      let again = try File(path: path, mode: mode)
      guard try again.identity() == file.identity() else {
        throw BlockError(.conflict, "another file stands there now")
      }
      return (again, try locks?.carried(to: again))
    }
  }

  private func lock(_ request: PermissionRequest, _ node: Node) throws(BlockError) {
    guard let locks else { return }
    var request = request
    // By force, everything is shared; permissions that others do not tolerate are refused all the same.
    if node.flags.contains(.forceShare) { request.shared = .all }
    try locks.prepare(request)
  }

  /// Lets go of the locks no longer needed; where the file was opened anew, of the old one with all its locks.
  package func commitPermissions(of node: Node) {
    guard let reopened else {
      locks?.commit()
      return
    }
    (file, locks) = reopened
    self.reopened = nil
  }

  /// Lets go of the locks taken in vain, and of a file opened in vain.
  package func abortPermissions(of node: Node) {
    reopened = nil
    locks?.abort()
  }

  /// Looks how long the file is now.
  package func invalidateCache(_ node: Node) throws(BlockError) { setLength(try file.length()) }

  // MARK: Reading and status

  /// Reads inside the file; bytes past its end, as when it is cut meanwhile, read as zero.
  package func read(at offset: UInt64, into buffer: inout MutableRawSpan, of node: Node) throws(BlockError) {
    let count = try file.read(at: offset, into: &buffer)
    guard count < buffer.byteCount else { return }
    var rest = buffer.slice(count..<buffer.byteCount)
    rest.fill()
  }

  /// Data and holes as the file system tells them.
  package func extent(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) -> Extent {
    let location = Extent.Location(.file, offset)
    let known = knownData.withLock { $0 }
    if known.range.contains(offset) {
      return Extent(.data, length: min(length, known.range.upperBound - offset), location: location)
    }
    guard let stretch = try file.stretch(at: offset) else {
      return Extent(.data, length: length, location: location)
    }
    if stretch.isData {
      // Somebody may have made a hole since the file system was asked.
      knownData.withLock { if $0.generation == known.generation { $0.range = offset..<stretch.end } }
    }
    return Extent(
      stretch.isData ? .data : .zero, length: min(length, stretch.end - offset), location: location)
  }

  /// The file has another length now, and what was known of its content is void.
  func setLength(_ length: UInt64) {
    forgetKnownData()
    knownLength.store(length, ordering: .releasing)
  }

  /// To be called after the change: an answer from before it does not last beyond it.
  private func forgetKnownData() {
    knownData.withLock { $0 = KnownData(range: 0..<0, generation: $0.generation + 1) }
  }

  // MARK: Writing

  /// Writes, growing the file where needed.
  package func write(at offset: UInt64, from data: RawSpan, unchanged: Bool, of node: Node) throws(BlockError)
  {
    let end = offset + UInt64(data.byteCount)
    spaceAhead?.prepare(for: offset..<end)
    do throws(BlockError) {
      try file.write(at: offset, from: data)
    } catch {
      // Part of it may have made the file longer, whose room is not to be lost.
      if let length = try? file.length() { noteLength(atLeast: length) }
      throw error
    }
    noteLength(atLeast: end)
    earlyWriteback?.note(offset..<end)
  }

  private func noteLength(atLeast end: UInt64) {
    knownLength.max(end, ordering: .acquiringAndReleasing)
  }

  /// Tries the file system's own ways; the first refusal is taken as final.
  package func writeZeroes(at offset: UInt64, length: UInt64, mayUnmap: Bool, of node: Node)
    throws(BlockError)
    -> Bool
  {
    guard let end = offset.plus(length) else { throw BlockError(.tooLarge, "range past the largest offset") }
    defer { forgetKnownData() }
    if file.kind == .regular && end > self.length { try grow(to: end, unit: node.limits.requestAlignment) }
    guard canZeroRange.load(ordering: .relaxed) else { return false }
    return try attempt(canZeroRange) { () throws(BlockError) in
      try file.zeroRange(at: offset, length: length, mayUnmap: mayUnmap)
    }
  }

  /// Makes the file at least `end` bytes long. Never shorter: others may be writing further on.
  private func grow(to end: UInt64, unit: UInt64) throws(BlockError) {
    let count = max(unit, 1)
    try file.write(at: end > count ? end - count : 0, from: Buffer(count: Int(min(count, end))).bytes)
    noteLength(atLeast: end)
  }

  /// Punches a hole where the file system can.
  package func discard(at offset: UInt64, length: UInt64, of node: Node) throws(BlockError) {
    guard node.flags.contains(.unmap), canPunchHole.load(ordering: .relaxed) else { return }
    defer { forgetKnownData() }
    _ = try attempt(canPunchHole) { () throws(BlockError) in try file.punchHole(at: offset, length: length) }
  }

  /// Lets the kernel copy between files; the first refusal is taken as final.
  package func copyRange(
    at offset: UInt64, length: UInt64, to target: any StorageDriver, at targetOffset: UInt64
  )
    throws(BlockError) -> Bool
  {
    guard let target = target as? FileDriver, canCopyRange.load(ordering: .relaxed) else { return false }
    target.spaceAhead?.prepare(for: targetOffset..<targetOffset + length)
    var done: UInt64 = 0
    while done < length {
      var count = 0
      let copied = try attempt(canCopyRange) { () throws(BlockError) in
        count = try file.copyRange(
          at: offset + done, length: Int(clamping: length - done), to: target.file, at: targetOffset + done)
      }
      // Nothing copied: the file ends here, and what is missing reads as zero.
      guard copied && count > 0 else { return false }
      done += UInt64(count)
    }
    target.noteLength(atLeast: targetOffset + length)
    return true
  }

  private func attempt(_ possible: borrowing Atomic<Bool>, _ body: () throws(BlockError) -> Void)
    throws(BlockError) -> Bool
  {
    do throws(BlockError) {
      try body()
      return true
    } catch {
      guard error.isUnsupportedCall else { throw error }
      possible.store(false, ordering: .relaxed)
      return false
    }
  }

  /// Tells errors of writing here that the system would tell only when the file is closed, where nobody listens.
  package func close(_ node: Node) throws(BlockError) {
    if file.isWritable { try file.reportCloseErrors() }
  }

  /// Makes what was written durable, unless the node was opened not to care.
  package func flush(_ node: Node) throws(BlockError) {
    guard file.isWritable, !node.flags.contains(.noFlush) else { return }
    try inFile(path, "Could not flush") { () throws(BlockError) in try file.synchronize() }
  }

  // MARK: Written in place

  /// That of direct I/O, where it is on.
  package var requestUnit: UInt64 { file.isDirect ? UInt64(file.directAlignment) : 1 }

  /// A file becomes empty; of a device, the ranges are overwritten.
  package func giveUpContent(_ ranges: [Range<UInt64>]) throws(BlockError) {
    if file.kind == .regular {
      try file.truncate(to: 0)
      setLength(0)
    } else {
      for range in ranges {
        let inside = range.clamped(to: 0..<length)
        try file.write(at: inside.lowerBound, from: Buffer(count: inside.count).bytes)
      }
      forgetKnownData()
    }
    try file.synchronize()
  }

  /// Writes at once.
  package func writeInPlace(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    defer { forgetKnownData() }
    let end = offset + UInt64(data.byteCount)
    let unit = requestUnit
    if !offset.isMultiple(of: unit) || !end.isMultiple(of: unit) {
      try file.setDirect(false)
      defer {
        // The flag was set before: setting it again does not fail.
        try? file.setDirect(true)
      }
      try file.write(at: offset, from: data)
    } else {
      try file.write(at: offset, from: data)
    }
    noteLength(atLeast: end)
  }

  /// Makes the file's content durable, even where nodes were opened with `.noFlush`.
  package func synchronize() throws(BlockError) {
    try file.synchronize()
    try file.reportCloseErrors()
  }
}

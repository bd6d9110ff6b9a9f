// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CNbd
internal import Errors
internal import Host
internal import Synchronization

/// A connection to one export of a server. Requests may come from any thread; they are served one after another.
@safe
final class NBDConnection: @unchecked Sendable {
  // Sendable because the handle never changes and the library locks it.
  private let library: LibNBD
  private let handle: OpaquePointer
  /// The name of what block status is asked of.
  private let context: String

  let facts: NBDFacts
  // What was offered counts until the server refuses it all the same.
  private let trims = Atomic(false)
  private let zeroes = Atomic(false)
  private let tells = Atomic(false)
  /// The library's words when the connection broke off.
  private let breakage = Mutex<String?>(nil)

  /// The length of a request that servers take unless they state another.
  private static let usualLargestRequest: UInt64 = 32 << 20
  /// The longest disk that there can be: 63 bits, less what keeps sums of offsets inside them.
  private static let longest: UInt64 = 0x7fff_ffff_c000_0000

  /// Connects.
  ///
  /// - Throws: kind `unsupported` where the library is missing; the error of the server or the system otherwise.
  init(_ target: NBDTarget) throws(BlockError) {
    let context = target.context
    let library = try LibNBD.shared()
    guard let handle = unsafe library.create() else { throw NBDConnection.failure(library) }
    do throws(BlockError) {
      guard unsafe library.addContext(handle, context) == 0 else { throw NBDConnection.failure(library) }
      try unsafe NBDConnection.connect(handle, target, library)
      let size = unsafe library.size(handle)
      // The library answers -1 without a reason for a length that has no place in 63 bits.
      guard size >= 0, UInt64(size) <= NBDConnection.longest else {
        throw BlockError(
          .tooLarge, "Could not refresh total sector count: File too large",
          advice: "The server says that the export is longer than any disk can be.")
      }
      // LIBNBD_SIZE_MINIMUM and _MAXIMUM: 0 where the server says nothing.
      let smallest = unsafe library.blockSize(handle, 0)
      let largest = unsafe library.blockSize(handle, 2)
      facts = NBDFacts(
        length: UInt64(size),
        unit: smallest > 0 && smallest & (smallest - 1) == 0 ? UInt64(smallest) : 1,
        largestRequest: largest > 0
          ? min(UInt64(largest), NBDConnection.usualLargestRequest) : NBDConnection.usualLargestRequest,
        isReadOnly: unsafe library.isReadOnly(handle) == 1,
        canFlush: unsafe library.canFlush(handle) == 1)
      trims.store(unsafe library.canTrim(handle) == 1, ordering: .relaxed)
      zeroes.store(unsafe library.canZero(handle) == 1, ordering: .relaxed)
      tells.store(unsafe library.hasContext(handle, context) == 1, ordering: .relaxed)
    } catch {
      unsafe library.close(handle)
      throw error
    }
    self.library = library
    unsafe self.handle = handle
    self.context = context
  }

  deinit {
    // Says goodbye, so that the server does not report a client that died; a failure changes nothing.
    _ = unsafe library.shutdown(handle, 0)
    unsafe library.close(handle)
  }

  private static func connect(_ handle: OpaquePointer, _ target: NBDTarget, _ library: LibNBD)
    throws(BlockError)
  {
    guard try unsafe target.secure(handle, library),
      unsafe library.setExportName(handle, target.address.export.cName) == 0
    else { throw failure(library) }
    let listener = NBDListener()
    let refusal = try unsafe listener.listen(to: handle, library) { () throws(BlockError) -> NBDRefusal? in
      let status =
        switch target.address.place {
        case .unix(let path): unsafe library.connectUnix(handle, path.cName)
        case .tcp(let host, let port): unsafe library.connectTCP(handle, host.cName, port.cName)
        }
      guard status != 0 else { return nil }
      let text = reason(library)
      return NBDRefusal(text: text, number: library.lastErrorNumber(), reported: listener.reported)
    }
    if let refusal { throw refusal.error(target) }
  }

  /// The words of the library's last error in this thread, without the name of the function that they begin with.
  private static func reason(_ library: LibNBD) -> String {
    let text = unsafe library.lastError().map { unsafe String(cName: $0) } ?? "the library gives no reason"
    guard text.hasPrefix("nbd_"), let separator = text.firstRange(of: ": ") else { return text }
    return String(text[separator.upperBound...])
  }

  /// The library's last error in this thread.
  private static func failure(_ library: LibNBD) -> BlockError {
    let text = reason(library)
    let number = library.lastErrorNumber()
    guard number != 0 else { return BlockError(.inputOutput, text) }
    let system = BlockError(system: number)
    return BlockError(system.kind, text, systemError: number)
  }

  /// Whether the connection has ended: nothing can be asked any more.
  var isLost: Bool { unsafe library.isClosed(handle) == 1 || library.isDead(handle) == 1 }

  /// Throws what the server answered to a command, in the system's words, which is what is known of a file, too.
  private func check(_ status: Int32) throws(BlockError) {
    guard status != 0 else { return }
    // Asking for the state would replace the error.
    let (number, text) = (library.lastErrorNumber(), NBDConnection.reason(library))
    guard !isLost else { throw loss(text) }
    throw number != 0 ? BlockError(system: number) : BlockError(.inputOutput, text)
  }

  /// The error of all commands once the connection has ended, of which the library says that a command makes no sense
  /// then.
  private func loss(_ text: String) -> BlockError {
    var error = BlockError(system: BlockError.mediumFailure)
    guard unsafe library.isDead(handle) == 1 else {
      error.advice = "The NBD server closed the connection."
      return error
    }
    let first = breakage.withLock { breakage -> String in
      if breakage == nil, !text.hasPrefix("invalid state") { breakage = text }
      return breakage ?? text
    }
    error.advice = "The connection to the NBD server broke off: \(first)."
    return error
  }

  /// The same for a command that the server offered: false where it turns out not to serve it, which it is not asked
  /// for again.
  private func check(_ status: Int32, offered ability: borrowing Atomic<Bool>) throws(BlockError) -> Bool {
    do throws(BlockError) {
      try check(status)
      return true
    } catch {
      guard error.isUnsupportedCall else { throw error }
      ability.store(false, ordering: .relaxed)
      return false
    }
  }

  // MARK: Commands

  /// Fills `buffer` with the bytes at `offset`.
  func read(at offset: UInt64, into buffer: inout MutableRawSpan) throws(BlockError) {
    let status = unsafe buffer.withUnsafeMutableBytes { bytes -> Int32 in
      guard let start = bytes.baseAddress else { return 0 }
      return unsafe library.read(handle, start, bytes.count, offset, 0)
    }
    try check(status)
  }

  /// Writes; the bytes may still be lost until the next flush.
  func write(at offset: UInt64, from data: RawSpan) throws(BlockError) {
    let status = unsafe data.withUnsafeBytes { bytes -> Int32 in
      guard let start = bytes.baseAddress else { return 0 }
      return unsafe library.write(handle, start, bytes.count, offset, 0)
    }
    try check(status)
  }

  /// Makes everything written so far durable, where the server can.
  func flush() throws(BlockError) {
    guard facts.canFlush else { return }
    try check(unsafe library.flush(handle, 0))
  }

  /// Whether the server makes ranges read as zero, as far as is known.
  var canZero: Bool { zeroes.load(ordering: .relaxed) }

  /// Makes a range of less than 4 GiB read as zero; with `keepsSpace`, without giving it back. False where the server
  /// does not serve that.
  func zero(at offset: UInt64, length: UInt64, keepsSpace: Bool) throws(BlockError) -> Bool {
    guard canZero else { return false }
    let flags: UInt32 = keepsSpace ? UInt32(LIBNBD_CMD_FLAG_NO_HOLE) : 0
    return try check(unsafe library.zero(handle, length, offset, flags), offered: zeroes)
  }

  /// Gives a range of less than 4 GiB back. False where the server does not serve that.
  func trim(at offset: UInt64, length: UInt64) throws(BlockError) -> Bool {
    guard trims.load(ordering: .relaxed) else { return false }
    return try check(unsafe library.trim(handle, length, offset, 0), offered: trims)
  }

  /// Whether the server tells where there is data, as far as is known.
  var knowsStatus: Bool { tells.load(ordering: .relaxed) }

  /// The server's answer for a range of less than 4 GiB: stretches that follow one another, each with its length and
  /// the bits of the context. They may end before the range does, or after. Nil where it tells nothing.
  func status(at offset: UInt64, length: UInt64) throws(BlockError) -> [NBDStretch]? {
    guard knowsStatus else { return nil }
    let answer = Answer(context)
    // Until it is released below, the library's pointer keeps the answer alive.
    let pointer = unsafe Unmanaged.passRetained(answer).toOpaque()
    defer { unsafe Unmanaged<Answer>.fromOpaque(pointer).release() }
    var callback = unsafe nbd_extent_callback()
    unsafe callback.user_data = unsafe pointer
    unsafe callback.callback = { pointer, context, _, entries, count, _ in
      guard let pointer = unsafe pointer, let context = unsafe context, let entries = unsafe entries else {
        return 0
      }
      let answer = unsafe Unmanaged<Answer>.fromOpaque(pointer).takeUnretainedValue()
      guard unsafe String(cString: context) == answer.context else { return 0 }
      for number in 0..<min(count / 2, Answer.mostStretches) {
        answer.stretches.append(
          NBDStretch(
            length: unsafe UInt64(entries[2 * number]), bits: unsafe entries[2 * number + 1]))
      }
      return 0
    }
    let isTold = try check(unsafe library.blockStatus(handle, length, offset, callback, 0), offered: tells)
    return isTold ? answer.stretches : nil
  }

  /// The answer of the server, filled by the library's callback, which runs before the command returns.
  private final class Answer {
    /// More are forgotten, and asked for when they are needed.
    static let mostStretches = 1 << 16
    let context: String
    var stretches: [NBDStretch] = []

    init(_ context: String) { self.context = context }
  }
}

/// What a server says of an export, for as long as the connection lasts.
struct NBDFacts: Equatable, Sendable {
  /// Length of the export in bytes.
  var length: UInt64
  /// The unit of requests in bytes, a power of two.
  var unit: UInt64
  /// The largest request with data in bytes.
  var largestRequest: UInt64
  /// Whether the server refuses writing.
  var isReadOnly: Bool
  /// Whether the server flushes.
  var canFlush: Bool

  /// Whether whoever relies on `others` may rely on these.
  func keep(_ others: NBDFacts) -> Bool {
    length == others.length && unit <= others.unit && largestRequest >= others.largestRequest
      && (others.isReadOnly || !isReadOnly) && (!others.canFlush || canFlush)
  }
}

/// A stretch of an export of which one thing holds.
struct NBDStretch: Equatable {
  /// Its length in bytes.
  var length: UInt64
  /// The flags that the context gives the stretch: of `base:allocation`, bit 0 for a hole, bit 1 for zeros.
  var bits: UInt32
}

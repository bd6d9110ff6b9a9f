// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Host
internal import Synchronization

/// A node's claim as byte locks of its file, so that other programs that follow QEMU's convention see it.
///
/// A shared lock of byte 100 + n says that permission n is held, of byte 200 + n that others may not hold it.
/// Nobody locks exclusively; a conflict is found by asking who stands against an exclusive lock.
final class ImageLocks: Sendable {
  private static let heldBase: UInt64 = 100
  private static let unsharedBase: UInt64 = 200

  /// Bits of permissions, held and not shared, that are locked.
  private struct Bits: Equatable {
    var held: UInt8 = 0
    var unshared: UInt8 = 0

    func union(_ other: Bits) -> Bits {
      Bits(held: held | other.held, unshared: unshared | other.unshared)
    }

    func subtracting(_ other: Bits) -> Bits {
      Bits(held: held & ~other.held, unshared: unshared & ~other.unshared)
    }
  }

  private struct State {
    /// The bits that the file system has locked for us.
    var locked = Bits()
    /// The bits of the last claim that was committed.
    var agreed = Bits()
    /// The bits of the claim that is being prepared.
    var wanted: Bits?
  }

  private let file: File
  private let path: String
  private let state = Mutex(State())

  init(_ file: File, path: String) {
    self.file = file
    self.path = path
  }

  /// The locks end here, not when the descriptor closes: a child process may have it a moment longer, until its
  /// program begins.
  deinit { try? apply(Bits()) }

  /// Locks what `request` needs on top of what is locked, and asks whether others stand against it.
  func prepare(_ request: PermissionRequest) throws(BlockError) {
    let wanted = Bits(
      held: request.held.rawValue, unshared: ~request.shared.rawValue & Permissions.all.rawValue)
    let before = state.withLock { state in
      let before = state.agreed
      state.wanted = wanted
      return before
    }
    // Giving up needs nobody's consent, and what is held already has it: asking again might only meet another
    // program that takes its locks before it looks, as we do.
    let more = wanted.subtracting(before)
    guard more != Bits() else { return }
    do throws(BlockError) {
      try apply(wanted.union(before))
      try refuseConflicts(more)
    } catch {
      abort()
      throw error
    }
  }

  /// The claim holds: locks beyond it end.
  func commit() {
    let wanted = state.withLock { state in
      guard let wanted = state.wanted else { return state.agreed }
      state.agreed = wanted
      state.wanted = nil
      return wanted
    }
    // Unlocking a byte that we hold does not fail.
    try? apply(wanted)
  }

  /// The claim does not come about: locks go back to what was agreed on.
  func abort() {
    let agreed = state.withLock { state in
      state.wanted = nil
      return state.agreed
    }
    try? apply(agreed)
  }

  /// The locks just agreed on, taken once more for another descriptor of the same file. Nobody has to be asked: the
  /// locks of this descriptor stand until it closes.
  func carried(to other: File) throws(BlockError) -> ImageLocks {
    let bits = state.withLock { $0.wanted ?? $0.agreed }
    let locks = ImageLocks(other, path: path)
    locks.state.withLock { $0.agreed = bits }
    try locks.apply(bits)
    return locks
  }

  /// Makes the locks of the file equal to `target`.
  private func apply(_ target: Bits) throws(BlockError) {
    let locked = state.withLock { $0.locked }
    guard locked != target else { return }
    try apply(target.held, over: \.held, base: ImageLocks.heldBase)
    try apply(target.unshared, over: \.unshared, base: ImageLocks.unsharedBase)
  }

  /// Notes each lock as it is taken or ended, so that after a failure it is known which there are.
  private func apply(_ target: UInt8, over bits: any WritableKeyPath<Bits, UInt8> & Sendable, base: UInt64)
    throws(BlockError)
  {
    for bit in 0..<5 as Range<UInt8> {
      let mask: UInt8 = 1 << bit
      let isLocked = state.withLock { $0.locked[keyPath: bits] & mask != 0 }
      guard isLocked != (target & mask != 0) else { continue }
      let byte = base + UInt64(bit)
      try tolerateMissingLocks { () throws(BlockError) in
        guard !isLocked else { return try file.unlock(byte: byte) }
        // Refused only when somebody locks exclusively, which the convention does not know.
        guard try file.lockShared(byte: byte) else {
          let holder = file.processLocking(byte: byte, known: try file.lockHolder(byte: byte)?.process)
          throw conflict(bit, shared: base != ImageLocks.heldBase, by: holder)
        }
      }
      state.withLock { $0.locked[keyPath: bits] ^= mask }
    }
  }

  /// File systems without such locks are used without.
  private func tolerateMissingLocks(_ body: () throws(BlockError) -> Void) throws(BlockError) {
    do throws(BlockError) {
      try body()
    } catch {
      guard error.isUnsupportedCall else { throw error }
    }
  }

  private func refuseConflicts(_ wanted: Bits) throws(BlockError) {
    for bit in 0..<5 as Range<UInt8> {
      let mask: UInt8 = 1 << bit
      if wanted.held & mask != 0 {
        try refuse(bit, byte: ImageLocks.unsharedBase + UInt64(bit), shared: false)
      }
      if wanted.unshared & mask != 0 {
        try refuse(bit, byte: ImageLocks.heldBase + UInt64(bit), shared: true)
      }
    }
  }

  private func refuse(_ bit: UInt8, byte: UInt64, shared: Bool) throws(BlockError) {
    try tolerateMissingLocks { () throws(BlockError) in
      guard let holder = try file.lockHolder(byte: byte) else { return }
      throw conflict(bit, shared: shared, by: file.processLocking(byte: byte, known: holder.process))
    }
  }

  private func conflict(_ bit: UInt8, shared: Bool, by process: RunningProcess?) -> BlockError {
    let name = Permissions(rawValue: 1 << bit).names.first ?? "unknown"
    return BlockError(
      lock: "\(shared ? "shared " : "")\"\(name)\"", of: path, heldBy: process,
      // A reader can still look at an image that others write, as it changes.
      mayBeForced: shared && !file.isWritable)
  }
}

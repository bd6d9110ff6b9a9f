// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import CCryptsetup
internal import Errors
internal import Host

/// A LUKS header in memory, for libcryptsetup to work on: its changes come to the image only when the image's own node
/// writes them. Used by one thread, with the library's lock held.
@safe
final class HeaderCopy {
  /// The library wants a device that is longer than the header.
  private static let room: UInt64 = 1 << 20

  private let library: LibCryptsetup
  private let place: PrivateFile
  private let device: OpaquePointer
  private let log = LastMessage()
  /// A file in place of the data of a detached header while such a header is made.
  private var data: PrivateFile?
  var file: File { place.file }

  /// Room for a header of so many bytes, key material included.
  init(length: UInt64) throws(BlockError) {
    library = try LibCryptsetup.shared()
    place = try PrivateFile("luks-header")
    guard let room = length.plus(HeaderCopy.room), Int64(exactly: room) != nil else {
      throw BlockError(.tooLarge, "LUKS header of \(length) bytes is not possible")
    }
    try place.file.truncate(to: room)
    var device: OpaquePointer?
    let result = unsafe library.initialize(&device, place.path.cName)
    guard result == 0, let device = unsafe device else {
      throw BlockError(.unsupported, "libcryptsetup cannot work here: \(HeaderCopy.reason(result))")
    }
    unsafe self.device = device
    unsafe library.setLog(
      device,
      { level, message, context in
        guard level == CRYPT_LOG_ERROR, let message = unsafe message, let context = unsafe context else {
          return
        }
        let log = unsafe Unmanaged<LastMessage>.fromOpaque(context).takeUnretainedValue()
        log.text = unsafe String(cName: message)
      }, Unmanaged.passUnretained(log).toOpaque())
    unsafe library.setRandom(device, Int32(CRYPT_RNG_URANDOM))
  }

  deinit { unsafe library.free(device) }

  /// A copy of the header of version 2 in `area`: everything but the material of slots that are not used.
  convenience init(_ header: LuksHeader, in area: some LuksArea) throws(BlockError) {
    try self.init(length: header.length)
    try copy(0..<header.metadataSize * UInt64(header.copies), from: area)
    for slot in header.slots where slot.isUsable { try copy(slot.area, from: area) }
    try load()
  }

  /// Lets the library read what a header of version 2 says; where there is no library, nothing is asked.
  static func confirm(_ header: LuksHeader, in area: some LuksArea) throws(BlockError) {
    guard (try? LibCryptsetup.shared()) != nil else { return }
    try LibCryptsetup.lock.withLock { () throws(BlockError) in
      let copy = try HeaderCopy(length: header.length)
      try copy.copy(0..<header.metadataSize * UInt64(header.copies), from: area)
      do throws(BlockError) {
        try copy.load()
      } catch {
        throw BlockError(.corrupt, error.message)
      }
    }
  }

  private func copy(_ range: Range<UInt64>, from area: some LuksArea) throws(BlockError) {
    let buffer = Buffer(count: Int(range.upperBound - range.lowerBound))
    var bytes = buffer.mutableBytes
    try area.read(at: range.lowerBound, into: &bytes)
    try file.write(at: range.lowerBound, from: buffer.bytes)
  }

  private func load() throws(BlockError) {
    try check(unsafe library.load(device, "LUKS2", nil), "LUKS header is not usable")
  }

  /// The bytes of a range, as they are now.
  func bytes(_ range: Range<UInt64>) throws(BlockError) -> Buffer {
    let buffer = Buffer(count: Int(range.upperBound - range.lowerBound))
    var bytes = buffer.mutableBytes
    _ = try file.read(at: range.lowerBound, into: &bytes)
    return buffer
  }

  // MARK: Keys

  /// The volume key, by the passphrase of `slot`; nil where it does not open it.
  func volumeKey(_ passphrase: Secret, slot: Int, keyBytes: Int) throws(BlockError) -> LuksVolumeKey? {
    var found: Int32 = -1
    let key: Secret = Secret(count: keyBytes) { (target: inout MutableRawSpan) in
      found = unsafe target.withUnsafeMutableBytes { raw in
        unsafe HeaderCopy.withCharacters(passphrase) { text, count in
          var size = raw.count
          let result = unsafe library.getKey(
            device, Int32(slot),
            raw.baseAddress?.assumingMemoryBound(to: CChar.self), &size, text, count)
          return result >= 0 && size != raw.count ? -BlockError.senseless : result
        }
      }
    }
    if found == -BlockError.notPermitted { return nil }
    try check(found, "Keyslot \(slot) cannot be opened")
    return LuksVolumeKey(slot: Int(found), secret: key)
  }

  /// Puts the volume key into a slot, or the first free one; the slot's number.
  func add(_ passphrase: Secret, key: Secret, slot: Int?, _ cost: KeyCost) throws(BlockError) -> Int {
    try set(cost)
    let result = unsafe HeaderCopy.withCharacters(passphrase) { text, count in
      unsafe HeaderCopy.withCharacters(key) { keyText, keyCount in
        unsafe library.addKey(
          device, Int32(slot ?? Int(CRYPT_ANY_SLOT)), keyText, keyCount, text, count)
      }
    }
    try check(result, "Cannot store the key")
    return Int(result)
  }

  /// Erases a slot and its material.
  func erase(_ slot: Int) throws(BlockError) {
    try check(unsafe library.destroySlot(device, Int32(slot)), "Cannot erase keyslot \(slot)")
  }

  private func set(_ cost: KeyCost) throws(BlockError) {
    let result = unsafe cost.kind.withCString { kind in
      unsafe cost.hash.withCString { hash in
        var type = unsafe crypt_pbkdf_type()
        unsafe type.type = kind
        unsafe type.hash = hash
        unsafe type.time_ms = UInt32(clamping: cost.milliseconds)
        unsafe type.iterations = UInt32(clamping: cost.iterations)
        unsafe type.max_memory_kb = UInt32(clamping: cost.kibibytes)
        unsafe type.parallel_threads = UInt32(clamping: cost.threads)
        unsafe type.flags = cost.iterations > 0 ? STRATA_PBKDF_NO_BENCHMARK : 0
        return unsafe library.setDerivation(device, &type)
      }
    }
    try check(result, "Key derivation '\(cost.kind)' is not possible")
  }

  private static func withCharacters<Result>(
    _ secret: Secret, _ body: (UnsafePointer<CChar>?, Int) -> Result
  ) -> Result {
    unsafe secret.bytes.withUnsafeBytes { raw in
      unsafe body(raw.baseAddress?.assumingMemoryBound(to: CChar.self), raw.count)
    }
  }

  // MARK: Making

  /// Makes a header of version 2 for a volume key.
  func format(_ recipe: LuksRecipe, key: Secret, _ cost: KeyCost) throws(BlockError) {
    try set(cost)
    if recipe.isDetached { return try formatDetached(recipe, key: key) }
    try check(
      unsafe library.setDataOffset(device, recipe.payloadOffset / 512), "Payload offset is not possible")
    try unsafe format(recipe, key: key, data: nil)
  }

  /// The library takes a header for detached, with data from byte 0, where it is told of another file.
  private func formatDetached(_ recipe: LuksRecipe, key: Secret) throws(BlockError) {
    let data = try PrivateFile("luks-data")
    try data.file.truncate(to: HeaderCopy.room)
    self.data = data
    let path = data.path.cName
    var failure: BlockError?
    unsafe path.withUnsafeBufferPointer { path in
      do throws(BlockError) {
        try unsafe format(recipe, key: key, data: path.baseAddress)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  private func format(_ recipe: LuksRecipe, key: Secret, data: UnsafePointer<CChar>?) throws(BlockError) {
    var parameters = unsafe crypt_params_luks2()
    unsafe parameters.sector_size = UInt32(recipe.sectorSize)
    unsafe parameters.data_device = data
    let result = unsafe HeaderCopy.withCharacters(key) { text, count in
      unsafe library.format(
        device, "LUKS2", recipe.cipher.algorithm.rawValue, recipe.cipher.plainModeName, nil, text, count,
        &parameters)
    }
    try check(result, "Cannot make a LUKS header")
  }

  // MARK: Errors

  private func check(_ result: Int32, _ what: String) throws(BlockError) {
    guard result < 0 else {
      log.text = ""
      return
    }
    let said = log.text.replacing(place.path, with: "header").filter { $0 != HeaderCopy.lineFeed }
    log.text = ""
    throw BlockError(
      .inputOutput, "\(what): \(said.isEmpty ? HeaderCopy.reason(result) : said)", systemError: -result)
  }

  /// The last character of a message of the library.
  private static let lineFeed = Character(Unicode.Scalar(spelling: 0x0A))

  private static func reason(_ result: Int32) -> String { BlockError(system: -result).message }
}

/// The last error message of the library.
private final class LastMessage {
  var text = ""
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CCryptsetup
internal import Errors
internal import Host

/// The functions of libcryptsetup, loaded when the first LUKS header is worked on.
@safe
struct LibCryptsetup: @unchecked Sendable {
  // Sendable because the functions never change; every caller holds `lock`.

  /// The library keeps state of its own without locks.
  static let lock = ConditionLock()

  let initialize: strata_crypt_init
  let free: strata_crypt_free
  let load: strata_crypt_load
  let format: strata_crypt_format
  let setLog: strata_crypt_set_log_callback
  let setRandom: strata_crypt_set_rng_type
  let setDataOffset: strata_crypt_set_data_offset
  let setDerivation: strata_crypt_set_pbkdf_type
  let getKey: strata_crypt_volume_key_get
  let addKey: strata_crypt_keyslot_add_by_volume_key
  let destroySlot: strata_crypt_keyslot_destroy

  private static let loaded = LoadedLibrary(.cryptsetup) { library throws(BlockError) in
    try LibCryptsetup(library)
  }

  /// The library.
  ///
  /// - Throws: kind `unsupported` where the system lacks it.
  static func shared() throws(BlockError) -> LibCryptsetup { try loaded.functions() }

  private init(_ library: DynamicLibrary) throws(BlockError) {
    unsafe initialize = try library.function("crypt_init", as: strata_crypt_init.self)
    unsafe free = try library.function("crypt_free", as: strata_crypt_free.self)
    unsafe load = try library.function("crypt_load", as: strata_crypt_load.self)
    unsafe format = try library.function("crypt_format", as: strata_crypt_format.self)
    unsafe setLog = try library.function("crypt_set_log_callback", as: strata_crypt_set_log_callback.self)
    unsafe setRandom = try library.function("crypt_set_rng_type", as: strata_crypt_set_rng_type.self)
    unsafe setDataOffset = try library.function(
      "crypt_set_data_offset", as: strata_crypt_set_data_offset.self)
    unsafe setDerivation = try library.function(
      "crypt_set_pbkdf_type", as: strata_crypt_set_pbkdf_type.self)
    unsafe getKey = try library.function("crypt_volume_key_get", as: strata_crypt_volume_key_get.self)
    unsafe addKey = try library.function(
      "crypt_keyslot_add_by_volume_key", as: strata_crypt_keyslot_add_by_volume_key.self)
    unsafe destroySlot = try library.function(
      "crypt_keyslot_destroy", as: strata_crypt_keyslot_destroy.self)
    let lock = unsafe try library.function(
      "crypt_metadata_locking", as: strata_crypt_metadata_locking.self)
    // Headers are worked on in memory of our own, where nobody else comes; lock files would need a folder of root's.
    _ = lock(nil, 0)
    // Without a callback the library prints.
    unsafe setLog(nil, { _, _, _ in }, nil)
  }
}

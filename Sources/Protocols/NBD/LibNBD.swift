// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import CNbd
internal import Errors
internal import Host

/// The functions of libnbd, loaded when the first export is opened.
@safe
struct LibNBD: @unchecked Sendable {
  // Sendable because the functions never change, and the library locks its handles itself.
  let create: strata_nbd_create
  let close: strata_nbd_close
  let shutdown: strata_nbd_shutdown
  let lastError: strata_nbd_get_error
  let lastErrorNumber: strata_nbd_get_errno
  let setExportName: strata_nbd_set_export_name
  let addContext: strata_nbd_add_meta_context
  let hasContext: strata_nbd_can_meta_context
  let connectUnix: strata_nbd_connect_unix
  let connectTCP: strata_nbd_connect_tcp
  let setTLS: strata_nbd_set_tls
  let setTLSVerifyPeer: strata_nbd_set_tls_verify_peer
  let setTLSCertificates: strata_nbd_set_text
  let setTLSKeyFile: strata_nbd_set_text
  let setTLSUser: strata_nbd_set_text
  /// Nil before libnbd 1.22.
  let setTLSHostname: strata_nbd_set_text?
  let setDebug: strata_nbd_set_debug
  let setDebugCallback: strata_nbd_set_debug_callback
  let clearDebugCallback: strata_nbd_clear_debug_callback
  let isClosed: strata_nbd_ability
  let isDead: strata_nbd_ability
  let size: strata_nbd_get_size
  let blockSize: strata_nbd_get_block_size
  let isReadOnly: strata_nbd_ability
  let canFlush: strata_nbd_ability
  let canTrim: strata_nbd_ability
  let canZero: strata_nbd_ability
  let read: strata_nbd_pread
  let write: strata_nbd_pwrite
  let flush: strata_nbd_flush
  let trim: strata_nbd_range_command
  let zero: strata_nbd_range_command
  let blockStatus: strata_nbd_block_status

  private static let loaded = LoadedLibrary(.nbd) { library throws(BlockError) in try LibNBD(library) }

  /// The library.
  ///
  /// - Throws: kind `unsupported` where the system lacks it.
  static func shared() throws(BlockError) -> LibNBD { try loaded.functions() }

  private init(_ library: DynamicLibrary) throws(BlockError) {
    unsafe create = try library.function("nbd_create", as: strata_nbd_create.self)
    unsafe close = try library.function("nbd_close", as: strata_nbd_close.self)
    unsafe shutdown = try library.function("nbd_shutdown", as: strata_nbd_shutdown.self)
    unsafe lastError = try library.function("nbd_get_error", as: strata_nbd_get_error.self)
    lastErrorNumber = try library.function("nbd_get_errno", as: strata_nbd_get_errno.self)
    unsafe setExportName = try library.function("nbd_set_export_name", as: strata_nbd_set_export_name.self)
    unsafe addContext = try library.function("nbd_add_meta_context", as: strata_nbd_add_meta_context.self)
    unsafe hasContext = try library.function("nbd_can_meta_context", as: strata_nbd_can_meta_context.self)
    unsafe connectUnix = try library.function("nbd_connect_unix", as: strata_nbd_connect_unix.self)
    unsafe connectTCP = try library.function("nbd_connect_tcp", as: strata_nbd_connect_tcp.self)
    unsafe setTLS = try library.function("nbd_set_tls", as: strata_nbd_set_tls.self)
    unsafe setTLSVerifyPeer = try library.function(
      "nbd_set_tls_verify_peer", as: strata_nbd_set_tls_verify_peer.self)
    unsafe setTLSCertificates = try library.function("nbd_set_tls_certificates", as: strata_nbd_set_text.self)
    unsafe setTLSKeyFile = try library.function("nbd_set_tls_psk_file", as: strata_nbd_set_text.self)
    unsafe setTLSUser = try library.function("nbd_set_tls_username", as: strata_nbd_set_text.self)
    unsafe setTLSHostname = try? library.function("nbd_set_tls_hostname", as: strata_nbd_set_text.self)
    unsafe setDebug = try library.function("nbd_set_debug", as: strata_nbd_set_debug.self)
    unsafe setDebugCallback = try library.function(
      "nbd_set_debug_callback", as: strata_nbd_set_debug_callback.self)
    unsafe clearDebugCallback = try library.function(
      "nbd_clear_debug_callback", as: strata_nbd_clear_debug_callback.self)
    unsafe isClosed = try library.function("nbd_aio_is_closed", as: strata_nbd_ability.self)
    unsafe isDead = try library.function("nbd_aio_is_dead", as: strata_nbd_ability.self)
    unsafe size = try library.function("nbd_get_size", as: strata_nbd_get_size.self)
    unsafe blockSize = try library.function("nbd_get_block_size", as: strata_nbd_get_block_size.self)
    unsafe isReadOnly = try library.function("nbd_is_read_only", as: strata_nbd_ability.self)
    unsafe canFlush = try library.function("nbd_can_flush", as: strata_nbd_ability.self)
    unsafe canTrim = try library.function("nbd_can_trim", as: strata_nbd_ability.self)
    unsafe canZero = try library.function("nbd_can_zero", as: strata_nbd_ability.self)
    unsafe read = try library.function("nbd_pread", as: strata_nbd_pread.self)
    unsafe write = try library.function("nbd_pwrite", as: strata_nbd_pwrite.self)
    unsafe flush = try library.function("nbd_flush", as: strata_nbd_flush.self)
    unsafe trim = try library.function("nbd_trim", as: strata_nbd_range_command.self)
    unsafe zero = try library.function("nbd_zero", as: strata_nbd_range_command.self)
    unsafe blockStatus = try library.function("nbd_block_status", as: strata_nbd_block_status.self)
  }
}

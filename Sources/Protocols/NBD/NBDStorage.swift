// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
package import Options

/// Exports of NBD servers.
package struct NBDStorage: DriverKind {
  /// `nbd`.
  package let name = "nbd"

  /// Makes the kind.
  package init() {}

  /// Storage.
  package var isProtocol: Bool { true }

  /// The schemes of NBD's URIs; `nbd` begins the old form, too.
  package var namePrefixes: [StoragePrefix] {
    ["nbd", "nbd+tcp", "nbd+unix", "nbds", "nbds+unix"].map { StoragePrefix($0, driver: name, form: .url) }
  }

  /// The URI that says the same as the options.
  package func storageName(_ options: OptionObject) -> String? {
    var options = options
    return try? NBDAddress(takingFrom: &options).uri
  }

  /// Connects to the server that the options name.
  ///
  /// - Throws: kind `unsupported` where libnbd is not installed; kind `readOnly` where writing was asked for and the
  ///   server refuses it; otherwise why there is no connection.
  package func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver {
    let address = try NBDAddress(takingFrom: &request.options)
    let stated = try request.options.takeString("x-dirty-bitmap") ?? NBDContext.allocation.name
    let context = stated == NBDContext.allocation.name ? NBDContext.allocation : .other(stated)
    let patience = NBDPatience(
      opening: try takeSeconds("open-timeout", from: &request.options),
      reconnecting: try takeSeconds("reconnect-delay", from: &request.options))
    var rest = request.options
    let target = try NBDTarget(address, context: context.name, takingFrom: &rest) {
      (id) throws(BlockError) in try request.clientCredentials(named: id)
    }
    request.options = rest
    // No server is bothered for nothing.
    try refuseRest(of: request.options)
    let export = try NBDExport(target, patience)
    if context != .allocation && !export.knowsStatus {
      throw BlockError(
        .notFound, "Could not open image: Invalid argument",
        advice: "The NBD server does not know '\(context.name)' of this export.")
    }
    let driver = NBDDriver(export, context)
    if request.flags.contains(.writable) { try driver.refuseWritingWhereReadOnly() }
    return OpenedDriver(driver)
  }

  /// Takes a number of seconds of 32 bits out, of which the rest is cut off.
  private func takeSeconds(_ key: String, from options: inout OptionObject) throws(BlockError) -> Double {
    Double(UInt32(truncatingIfNeeded: try options.takeNumber(key) ?? 0))
  }
}

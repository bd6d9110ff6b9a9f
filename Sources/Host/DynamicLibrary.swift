// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Errors
internal import Glibc

/// A shared library of the system that is loaded when it is first needed, and then stays.
@safe
public final class DynamicLibrary: @unchecked Sendable {
  // Sendable because the handle never changes and the loader locks for itself.
  private let name: String
  private let handle: UnsafeMutableRawPointer

  /// Loads the library with this file name, such as `libcrypto.so.3`.
  ///
  /// - Parameter package: what users install to get it, for the message.
  /// - Throws: kind `unsupported` where the system does not have it.
  public init(_ name: String, package: String) throws(BlockError) {
    guard let handle = unsafe dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
      throw BlockError(
        .unsupported, "Library '\(name)' cannot be loaded", advice: "Install the package \(package).")
    }
    self.name = name
    unsafe self.handle = handle
  }

  /// The function called `symbol`, as the C function pointer type `Function`, which must be the one that the
  /// library's header declares.
  ///
  /// - Throws: kind `unsupported` where the library has no such function.
  public func function<Function>(_ symbol: String, as type: Function.Type) throws(BlockError) -> Function {
    guard let address = unsafe dlsym(handle, symbol) else {
      throw BlockError(.unsupported, "Library '\(name)' lacks the function \(symbol)")
    }
    return unsafe unsafeBitCast(address, to: type)
  }
}

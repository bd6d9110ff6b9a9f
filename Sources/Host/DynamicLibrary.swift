// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors
internal import Glibc

/// A shared library of the system that is loaded when it is first needed, and then stays.
@safe
package final class DynamicLibrary: @unchecked Sendable {
  // Sendable because the handle never changes and the loader locks for itself.
  /// The libraries that there may be.
  package enum Name: String, Sendable {
    case bzip = "libbz2.so.1.0"
    case crypto = "libcrypto.so.3"
    case cryptsetup = "libcryptsetup.so.12"
    case deflate = "libdeflate.so.0"
    case gcrypt = "libgcrypt.so.20"
    case lzfse = "liblzfse.so"
    case lzma = "liblzma.so.5"
    case nbd = "libnbd.so.0"
    case xml = "libxml2.so.2"

    /// What users do to get the library: of most they install a package.
    fileprivate var advice: Advice {
      package.map { "Install the package \($0)." }
        ?? "Debian has no package of it: https://github.com/lzfse/lzfse is where it comes from."
    }

    private var package: String? {
      switch self {
      case .bzip: "libbz2-1.0"
      case .lzfse: nil
      case .lzma: "liblzma5"
      case .crypto: "libssl3"
      case .cryptsetup: "libcryptsetup12"
      case .deflate: "libdeflate0"
      case .gcrypt: "libgcrypt20"
      case .nbd: "libnbd0"
      case .xml: "libxml2"
      }
    }
  }

  private let name: String
  private let handle: UnsafeMutableRawPointer

  /// Loads the library.
  ///
  /// - Throws: kind `unsupported` where the system does not have it.
  fileprivate init(_ name: Name) throws(BlockError) {
    guard let handle = unsafe dlopen(name.rawValue, RTLD_NOW | RTLD_LOCAL) else {
      throw BlockError(
        .unsupported, "Library '\(name.rawValue)' cannot be loaded", advice: name.advice)
    }
    self.name = name.rawValue
    unsafe self.handle = handle
  }

  /// The function called `symbol`, as the C function pointer type `Function`, which must be the one that the
  /// library's header declares.
  ///
  /// - Throws: kind `unsupported` where the library has no such function.
  package func function<Function>(_ symbol: String, as type: Function.Type) throws(BlockError) -> Function {
    guard let address = unsafe dlsym(handle, symbol) else {
      throw BlockError(.unsupported, "Library '\(name)' lacks the function \(symbol)")
    }
    return unsafe unsafeBitCast(address, to: type)
  }
}

/// The functions of a library, found once for the whole process: as a static property, when they are first needed.
package struct LoadedLibrary<Functions: Sendable>: Sendable {
  private let result: Result<Functions, BlockError>

  /// Loads a library and finds the functions in it.
  package init(
    _ name: DynamicLibrary.Name, _ find: (DynamicLibrary) throws(BlockError) -> Functions
  ) {
    do throws(BlockError) {
      result = .success(try find(try DynamicLibrary(name)))
    } catch {
      result = .failure(error)
    }
  }

  /// The functions.
  ///
  /// - Throws: kind `unsupported` where the system lacks the library, or the library one of them.
  package func functions() throws(BlockError) -> Functions { try result.get() }
}

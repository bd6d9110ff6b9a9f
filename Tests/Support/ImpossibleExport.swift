// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// An NBD server that tells every client of an export of some length, as servers did before there were options, and
/// nothing more.
package final class ImpossibleExport: Sendable {
  /// The URI of the export.
  package let uri: String
  private let listener: Int32

  /// Listens at a socket in `folder`; nil where the system does not let it.
  package init?(length: UInt64, in folder: TemporaryFolder) {
    let path = folder.file("export")
    uri = "nbd+unix:///?socket=" + path
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard listener >= 0, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in unsafe place.copyBytes(from: bytes) }
    let bound = unsafe withUnsafePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe bind(listener, address, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, listen(listener, 8) == 0 else { return nil }
    let greeting = Box(ImpossibleExport.greeting(length), listener)
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(greeting).toOpaque()
    let started = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().serve()
        return nil
      }, argument)
    guard started == 0 else { return nil }
    pthread_detach(thread)
  }

  deinit {
    // The thread ends once there is nobody to accept.
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Magic, the old handshake's magic, length, flags, reserved.
  private static func greeting(_ length: UInt64) -> [UInt8] {
    var bytes = Array("NBDMAGIC".utf8) + [0x00, 0x00, 0x42, 0x02, 0x81, 0x86, 0x12, 0x53]
    for shift in stride(from: 56, through: 0, by: -8) {
      bytes.append(UInt8(truncatingIfNeeded: length >> UInt64(shift)))
    }
    return bytes + [0, 0, 0, 1] + [UInt8](repeating: 0, count: 124)
  }

  private final class Box: Sendable {
    private let greeting: [UInt8]
    private let listener: Int32

    init(_ greeting: [UInt8], _ listener: Int32) {
      self.greeting = greeting
      self.listener = listener
    }

    func serve() {
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        _ = unsafe send(client, greeting, greeting.count, Int32(MSG_NOSIGNAL))
        var byte: UInt8 = 0
        // Until the client goes.
        while unsafe recv(client, &byte, 1, 0) > 0 {}
        close(client)
      }
    }
  }
}

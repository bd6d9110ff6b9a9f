// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A socket in a folder, each of whose clients is served by a thread.
final class Listener: Sendable {
  private let descriptor: Int32

  /// Listens at `path`; nil where the system does not let it.
  init?(at path: String, serve: @escaping @Sendable (Client) -> Void) {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard descriptor >= 0, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { place in unsafe place.copyBytes(from: bytes) }
    let bound = unsafe withUnsafePointer(to: &address) { address in
      unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        unsafe bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard bound == 0, listen(descriptor, 8) == 0 else { return nil }
    let listening = descriptor
    let started = Listener.run {
      while true {
        let descriptor = accept(listening, nil, nil)
        guard descriptor >= 0 else { return }
        if !Listener.run({
          serve(Client(descriptor))
          close(descriptor)
        }) {
          close(descriptor)
        }
      }
    }
    guard started else { return nil }
  }

  deinit {
    // The thread ends once there is nobody to accept.
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
  }

  /// Runs `body` in a thread that nobody waits for; false where there is none.
  private static func run(_ body: @escaping @Sendable () -> Void) -> Bool {
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(Box(body)).toOpaque()
    let started = unsafe pthread_create(
      &thread, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, argument)
    if started == 0 { pthread_detach(thread) }
    return started == 0
  }

  private final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// A client, for as long as it is served.
  struct Client: Sendable {
    private let descriptor: Int32

    fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Sends all of the bytes, unless the client is gone.
    func send(_ bytes: [UInt8]) {
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = unsafe rest.withUnsafeBytes { bytes in
          unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
        }
        guard count > 0 else { return }
        rest = rest.dropFirst(count)
      }
    }

    /// The next bytes; nil where the client went before it sent them all.
    func receive(_ count: Int) -> [UInt8]? {
      var bytes = [UInt8](repeating: 0, count: count)
      var done = 0
      while done < count {
        let received = unsafe bytes.withUnsafeMutableBytes { bytes in
          unsafe recv(descriptor, bytes.baseAddress.map { unsafe $0 + done }, count - done, 0)
        }
        guard received > 0 else { return nil }
        done += received
      }
      return bytes
    }

    /// Returns when the client goes.
    func awaitEnd() { while receive(1) != nil {} }
  }
}

/// The bytes of a number, the highest first.
func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
  stride(from: Number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
}

/// The number that such bytes are.
func number<Number: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>) -> Number {
  bytes.reduce(0) { $0 << 8 | Number($1) }
}

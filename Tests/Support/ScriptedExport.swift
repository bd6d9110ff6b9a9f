// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// An NBD server with one export in memory, which behaves as told.
package final class ScriptedExport: Sendable {
  /// The requests of the protocol, by their numbers.
  package enum Command: UInt16, Sendable {
    case read = 0
    case write = 1
    case disconnect = 2
    case flush = 3
    case trim = 4
    case zero = 6
    case status = 7
  }

  /// What the server does otherwise than others.
  package struct Behaviour: Sendable {
    /// The error number that answers each command, where one does.
    package var errors: [Command: UInt32] = [:]
    /// Of reads past here, the connection dies.
    package var deathAt: UInt64 = .max
    /// How often it does.
    package var deaths = Int.max
    /// Whether flushes are offered.
    package var offersFlush = true

    /// As others do.
    package init() {}

    /// As others do, but for a command that is answered with `EIO`.
    package static func failing(_ command: Command) -> Behaviour {
      var behaviour = Behaviour()
      behaviour.errors[command] = 5
      return behaviour
    }
  }

  /// The path of its socket.
  package let path: String
  /// The URI of the export.
  package let uri: String
  private let listener: Listener
  private let state: Shared

  /// Serves `length` bytes that are all `fill` at a socket in `folder`; nil where the system does not let it.
  package init?(
    length: Int = 4 << 20, fill: UInt8 = 1, in folder: TemporaryFolder, _ behaviour: Behaviour = Behaviour()
  ) {
    path = folder.file("scripted")
    uri = "nbd+unix:///?socket=" + path
    let state = Shared([UInt8](repeating: fill, count: length), behaviour)
    self.state = state
    guard let listener = Listener(at: path, serve: { state.serve($0) }) else { return nil }
    self.listener = listener
  }

  /// The requests so far, in the order of their arrival.
  package var requests: [Command] { state.data.withLock { $0.requests } }
  /// The bytes of the export.
  package var content: [UInt8] { state.data.withLock { $0.content } }
  /// How many clients there were.
  package var clients: Int { state.data.withLock { $0.clients } }

  private struct Contents: Sendable {
    var content: [UInt8]
    var requests: [Command] = []
    var deaths: Int
    var clients = 0
  }

  private final class Shared: Sendable {
    let data: Mutex<Contents>
    private let behaviour: Behaviour
    private let length: Int

    init(_ content: [UInt8], _ behaviour: Behaviour) {
      data = Mutex(Contents(content: content, deaths: behaviour.deaths))
      self.behaviour = behaviour
      length = content.count
    }

    func serve(_ client: Listener.Client) {
      data.withLock { $0.clients += 1 }
      client.send(Array("NBDMAGICIHAVEOPT".utf8) + bigEndian(3 as UInt16))
      guard client.receive(4) != nil, negotiate(client) else { return }
      while let head = client.receive(28), let command = Command(rawValue: number(head[6..<8])) {
        guard answer(command, head, client) else { return }
      }
    }

    // MARK: The handshake

    private func negotiate(_ client: Listener.Client) -> Bool {
      while let head = client.receive(16), client.receive(Int(number(head[12...]) as UInt32)) != nil {
        let option: UInt32 = number(head[8..<12])
        func reply(_ kind: UInt32, _ data: [UInt8] = []) {
          client.send(
            bigEndian(0x3_e889_0455_65a9 as UInt64) + bigEndian(option) + bigEndian(kind)
              + bigEndian(UInt32(data.count)) + data)
        }
        switch option {
        case 6, 7:
          // NBD_OPT_INFO and NBD_OPT_GO: length and flags.
          let flags: UInt16 = 0x1 | 0x20 | 0x40 | (behaviour.offersFlush ? 0x4 : 0)
          reply(3, [0, 0] + bigEndian(UInt64(length)) + bigEndian(flags))
          reply(1)
          if option == 7 { return true }
        case 8: reply(1)
        case 10:
          reply(4, bigEndian(1 as UInt32) + Array("base:allocation".utf8))
          reply(1)
        case 2:
          reply(1)
          return false
        default: reply(0x8000_0001)
        }
      }
      return false
    }

    // MARK: Requests

    /// Answers a request; false where the connection ends by that.
    private func answer(_ command: Command, _ head: [UInt8], _ client: Listener.Client) -> Bool {
      let cookie = head[8..<16]
      let (offset, count) = (number(head[16..<24]) as UInt64, Int(number(head[24...]) as UInt32))
      let sent = command == .write ? client.receive(count) : []
      guard let sent, command != .disconnect else { return false }
      data.withLock { $0.requests.append(command) }
      func simple(_ error: UInt32) {
        client.send(bigEndian(0x6744_6698 as UInt32) + bigEndian(error) + cookie)
      }
      func chunk(_ kind: UInt16, _ data: [UInt8]) {
        client.send(
          bigEndian(0x668e_33ef as UInt32) + bigEndian(1 as UInt16) + bigEndian(kind) + cookie
            + bigEndian(UInt32(data.count)) + data)
      }
      if let error = behaviour.errors[command] {
        if command == .read || command == .status {
          chunk(0x8001, bigEndian(error) + [0, 0])
        } else {
          simple(error)
        }
        return true
      }
      guard offset <= UInt64(length), count <= length - Int(offset) else {
        simple(22)
        return true
      }
      let range = Int(offset)..<Int(offset) + count
      switch command {
      case .read:
        if offset + UInt64(count) > behaviour.deathAt, dies() { return false }
        chunk(1, bigEndian(offset) + data.withLock { Array($0.content[range]) })
      case .write:
        data.withLock { $0.content.replaceSubrange(range, with: sent) }
        simple(0)
      case .zero:
        data.withLock { $0.content.replaceSubrange(range, with: [UInt8](repeating: 0, count: count)) }
        simple(0)
      case .status: chunk(5, bigEndian(1 as UInt32) + bigEndian(UInt32(count)) + bigEndian(0 as UInt32))
      case .flush, .trim, .disconnect: simple(0)
      }
      return true
    }

    private func dies() -> Bool {
      data.withLock {
        guard $0.deaths > 0 else { return false }
        $0.deaths -= 1
        return true
      }
    }
  }
}

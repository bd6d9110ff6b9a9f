// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
internal import Errors
internal import Host

/// All nodes of one process's images, their edges and users.
///
/// The graph belongs to the thread that made it. It cannot be sent to another one; each public entry checks
/// its thread all the same, in release builds too, and traps naming itself.
package final class Graph {
  private let thread: UInt
  private(set) var nodesByName: [String: Node] = [:]
  /// Nodes in the order they were made.
  private(set) var order: [Node] = []
  private(set) var users: [RootUser] = []
  private var nextNodeNumber = 1
  private var nextSerial = 0
  /// Places where tests make operations fail.
  package let faults: FaultPoints
  /// How often permissions were computed anew; tests count on it.
  private(set) var refreshes = 0

  /// An empty graph that belongs to the calling thread.
  package init(faults: FaultPoints = FaultPoints()) {
    thread = Threads.current
    self.faults = faults
  }

  /// Traps unless called on the thread that owns the graph.
  func requireThread(_ entry: StaticString = #function) {
    invariant(Threads.current == thread, "\(entry) called off the graph thread")
  }

  /// The nodes, in the order they were made.
  package var nodes: [Node] {
    requireThread()
    return order
  }

  /// The users that have not been released.
  package var rootUsers: [RootUser] {
    requireThread()
    return users
  }

  /// The node called `name`, if any.
  package func node(named name: String) -> Node? {
    requireThread()
    return nodesByName[name]
  }

  /// The node that a user means by `name`.
  func knownNode(named name: String) throws(BlockError) -> Node {
    guard let node = nodesByName[name] else {
      throw BlockError(
        .notFound, "Cannot find device='\(name)' nor node-name='\(name)'",
        advice:
          "A name alone means an open node; a file is stated as 'filename', as in file.filename=\(name).")
    }
    return node
  }

  /// The edges that lead to `node`, in the order attached.
  package func parents(of node: Node) -> [Edge] {
    requireThread()
    return node.parents
  }

  /// The permissions that all users of `node` hold together, and those that all of them share.
  package func cumulativePermissions(of node: Node) -> PermissionRequest {
    requireThread()
    return node.cumulativePermissions
  }

  /// A name that no node has, of the form users cannot choose.
  func generateNodeName() -> String {
    defer { nextNodeNumber += 1 }
    return "#block\(nextNodeNumber)"
  }

  /// Names begin with a letter; letters, digits and `-._` follow.
  ///
  /// - Throws: kind `invalidArgument` for anything else.
  static func refuseNodeName(_ name: String) throws(BlockError) {
    let isName =
      name.utf8.first.map { (0x61...0x7A).contains($0 | 0x20) } == true
      && name.utf8.allSatisfy {
        (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) || [0x2D, 0x2E, 0x5F].contains($0)
      }
    guard isName else { throw BlockError(.invalidArgument, "Invalid node-name: '\(name)'") }
    guard name.utf8.count < 32 else { throw BlockError(.invalidArgument, "Node name too long") }
  }

  func register(_ node: Node) {
    nodesByName[node.name] = node
    node.takeSerial(nextSerial)
    nextSerial += 1
    order.append(node)
  }

  func unregister(_ node: Node) {
    nodesByName[node.name] = nil
    let index = order.firstIndexSorted { $0.serial >= node.serial }
    if index < order.count, order[index] === node { order.remove(at: index) }
  }

  // MARK: Users

  /// A user of the graph that has no node yet.
  package func makeUser(_ description: String, request: PermissionRequest) -> RootUser {
    requireThread()
    let user = RootUser(description: description, request: request)
    users.append(user)
    return user
  }

  /// Forgets a user without a node.
  func forget(_ user: RootUser) { users.removeAll { $0 === user } }

  /// Counts that permissions are computed anew.
  func countRefresh() { refreshes += 1 }
}

/// The graph may not cross threads: the compiler holds to that.
@available(*, unavailable)
extension Graph: Sendable {}

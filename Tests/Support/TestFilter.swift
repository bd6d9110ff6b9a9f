// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
import Host

/// A filter over its child in slot `file` that counts the permission hooks and refuses when told to.
package final class TestFilter: FilterDriver, @unchecked Sendable {
  /// How often each hook was called.
  package struct Hooks: Sendable, Equatable {
    /// Checks.
    package var checks = 0
    /// Commits.
    package var commits = 0
    /// Aborts.
    package var aborts = 0
    /// Closes.
    package var closes = 0

    /// Hooks that were called so often.
    package init(checks: Int = 0, commits: Int = 0, aborts: Int = 0, closes: Int = 0) {
      self.checks = checks
      self.commits = commits
      self.aborts = aborts
      self.closes = closes
    }
  }

  /// What the node is to be called.
  package let name: String
  private let lock = ConditionLock()
  private var counted = Hooks()
  private var countedLimits = 0
  private var refusal: BlockError?
  private var checked: PermissionRequest?
  private var pause: (@Sendable () -> Void)?

  /// A filter.
  package init(_ name: String = "filter") { self.name = name }

  /// How often each hook was called since the last `reset`.
  package var hooks: Hooks { lock.withLock { counted } }
  /// How often it was asked for its limits.
  package var limitQueries: Int { lock.withLock { countedLimits } }
  /// The claim that was checked last.
  package var lastChecked: PermissionRequest? { lock.withLock { checked } }
  /// Counts from 0 again.
  package func reset() { lock.withLock { counted = Hooks() } }
  /// Lets checks fail from now on, or, with nil, succeed.
  package func refuse(with error: BlockError?) { lock.withLock { refusal = error } }
  /// Called in the middle of every read.
  package func whileReading(_ body: (@Sendable () -> Void)?) { lock.withLock { pause = body } }

  /// Counts; that of what lies below.
  package func limits(of node: Node) -> Limits {
    lock.withLock { countedLimits += 1 }
    return node.filtered?.child.limits ?? Limits()
  }

  /// Counts, and refuses when told to.
  package func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    let refusal = lock.withLock {
      counted.checks += 1
      checked = request
      return self.refusal
    }
    if let refusal { throw refusal }
  }
  /// Counts.
  package func commitPermissions(of node: Node) { lock.withLock { counted.commits += 1 } }
  /// Counts.
  package func abortPermissions(of node: Node) { lock.withLock { counted.aborts += 1 } }
  /// Counts.
  package func close(_ node: Node) throws(BlockError) { lock.withLock { counted.closes += 1 } }

  /// Pauses in the middle of reads.
  package func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if request.kind == .read, let pause = lock.withLock({ pause }) { pause() }
    try handOn()
  }
}

extension Graph {
  /// A node of `driver` that nobody uses.
  package func makeNode(_ driver: any BlockDriver, _ name: String? = nil, flags: NodeFlags = [.writable])
    throws(BlockError) -> Node
  {
    try change(draining: []) { (edit: GraphEdit) throws(BlockError) in
      try edit.makeNode(driver, name: name, flags: flags)
    }
  }

  /// Attaches one node below another.
  @discardableResult
  package func attach(
    _ child: Node, to parent: Node, _ slot: EdgeSlot = .file, _ role: EdgeRole = [.filtered, .primary]
  )
    throws(BlockError) -> Edge
  {
    try change(draining: [parent, child]) { (edit: GraphEdit) throws(BlockError) in
      try edit.attach(child, to: parent, slot: slot, role: role)
    }
  }

  /// A user that is attached to `node`.
  @discardableResult
  package func use(_ node: Node, _ description: String, held: Permissions, shared: Permissions = .all)
    throws(BlockError) -> RootUser
  {
    let user = makeUser(description, request: PermissionRequest(held: held, shared: shared))
    do throws(BlockError) {
      try attach(user, to: node)
    } catch {
      detach(user)
      throw error
    }
    return user
  }
}

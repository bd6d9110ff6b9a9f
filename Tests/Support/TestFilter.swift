// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import BlockGraph
public import Errors
import Host

/// A filter over its child in slot `file` that counts the permission hooks and refuses when told to.
public final class TestFilter: FilterDriver, @unchecked Sendable {
  /// How often each hook was called.
  public struct Hooks: Sendable, Equatable {
    /// Checks.
    public var checks = 0
    /// Commits.
    public var commits = 0
    /// Aborts.
    public var aborts = 0
    /// Closes.
    public var closes = 0

    /// Hooks that were called so often.
    public init(checks: Int = 0, commits: Int = 0, aborts: Int = 0, closes: Int = 0) {
      self.checks = checks
      self.commits = commits
      self.aborts = aborts
      self.closes = closes
    }
  }

  /// What the node is to be called.
  public let name: String
  private let lock = ConditionLock()
  private var counted = Hooks()
  private var refusal: BlockError?
  private var checked: PermissionRequest?
  private var pause: (@Sendable () -> Void)?

  /// A filter.
  public init(_ name: String = "filter") { self.name = name }

  /// How often each hook was called since the last `reset`.
  public var hooks: Hooks { lock.withLock { counted } }
  /// The claim that was checked last.
  public var lastChecked: PermissionRequest? { lock.withLock { checked } }
  /// Counts from 0 again.
  public func reset() { lock.withLock { counted = Hooks() } }
  /// Lets checks fail from now on, or, with nil, succeed.
  public func refuse(with error: BlockError?) { lock.withLock { refusal = error } }
  /// Called in the middle of every read.
  public func whileReading(_ body: (@Sendable () -> Void)?) { lock.withLock { pause = body } }

  /// Counts, and refuses when told to.
  public func checkPermissions(_ request: PermissionRequest, of node: Node) throws(BlockError) {
    let refusal = lock.withLock {
      counted.checks += 1
      checked = request
      return self.refusal
    }
    if let refusal { throw refusal }
  }
  /// Counts.
  public func commitPermissions(of node: Node) { lock.withLock { counted.commits += 1 } }
  /// Counts.
  public func abortPermissions(of node: Node) { lock.withLock { counted.aborts += 1 } }
  /// Counts.
  public func close(_ node: Node) throws(BlockError) { lock.withLock { counted.closes += 1 } }

  /// Pauses in the middle of reads.
  public func run(_ request: FilteredRequest, of node: Node, _ handOn: () throws(BlockError) -> Void)
    throws(BlockError)
  {
    if request.kind == .read, let pause = lock.withLock({ pause }) { pause() }
    try handOn()
  }
}

extension Graph {
  /// A node of `driver` that nobody uses.
  public func makeNode(_ driver: any BlockDriver, _ name: String? = nil, flags: NodeFlags = [.writable])
    throws(BlockError) -> Node
  {
    try change(draining: []) { (edit: GraphEdit) throws(BlockError) in
      try edit.makeNode(driver, name: name, flags: flags)
    }
  }

  /// Attaches one node below another.
  @discardableResult
  public func attach(
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
  public func use(_ node: Node, _ description: String, held: Permissions, shared: Permissions = .all)
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

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Crypto
internal import Errors
internal import Host

extension LuksDriver: AmendingDriver {
  /// Claims writing of the file. The state comes first, since the claim follows from it.
  func prepareAmend(of node: Node, in graph: Graph) throws(BlockError) {
    keyUpdate = .updating
    do throws(BlockError) {
      try graph.refreshPermissions(of: node)
    } catch {
      keyUpdate = .none
      throw error
    }
  }

  func amend(_ request: AmendRequest, of node: Node, _ context: JobContext) throws(BlockError) -> AmendEffect?
  {
    guard let file = headerFile(of: node) else { return nil }
    context.expect(1)
    let before = header
    let amendment = try LuksAmendment(request.options, slots: before.slotCount) {
      (id, isNew) throws(BlockError) in
      isNew ? try request.secrets.newKey(named: id) : try request.secrets.secret(named: id)
    }
    guard let unlocked else {
      throw .noSecret("key-secret", of: "luks", isNew: false)
    }
    let area = EdgeArea(edge: file)
    let staged = StagedArea(area)
    let routine = LuksKeyRoutine(
      area: staged, key: unlocked.key, passphrase: unlocked.passphrase,
      others: request.keepsKnownKey ? request.secrets.all : nil, force: request.force)
    let changed = try routine.apply(amendment.change, to: before)
    context.finish()
    return AmendEffect { [self] () throws(BlockError) in
      do throws(BlockError) {
        try staged.commit()
        header = changed
      } catch {
        // Part of the change may have arrived.
        if let present = try? LuksHeader(in: area, isDetached: before.isDetached) { header = present }
        throw error
      }
    } takeBack: { [self] () throws(BlockError) in
      try staged.takeBack()
      header = before
    }
  }

  /// Gives the claim back; tries again where the graph did not follow the last time.
  func cleanUpAmend(of node: Node, in graph: Graph) throws(BlockError) {
    guard keyUpdate != .none else { return }
    keyUpdate = .releasing
    try graph.refreshPermissions(of: node)
    keyUpdate = .none
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Options
import Support
import Testing

@Suite("Active and inactive nodes")
struct ActivationTests {
  static let request = PermissionRequest(held: [.consistentRead, .write], shared: .consistentRead)

  /// Somebody else who has the overlay of a scene open for writing, alone.
  private func elsewhere(_ scene: ChainScene) throws(BlockError) -> (graph: Graph, user: RootUser) {
    let graph = Graph()
    let user = graph.makeUser("the other program", request: ActivationTests.request)
    try Opener(graph: graph, kinds: scene.opener.kinds).open(
      ImageName(path: scene.folder.file("overlay")), OpenSettings(format: "fake", flags: .writable), for: user
    )
    return (graph, user)
  }

  @Test(
    "S-03 an inactive image is anybody's; activating it takes what its users request, or fails and leaves it")
  func activation() throws {
    let scene = try ChainScene(flags: [.writable, .inactive], request: ActivationTests.request)
    let graph = scene.graph
    let edge = try #require(scene.user.edge)
    let below = scene.graph.nodes.flatMap(\.children)
    #expect(below.count == 5)
    for edge in below + [edge] {
      #expect(edge.request.held.isEmpty && edge.request.shared.contains([.write, .resize]))
    }
    let inactive = scene.state
    #expect(graph.violations == [])
    #expect(inactive.files.allSatisfy { !$0.contains(" ") }, "no locks: \(inactive.files)")

    let (there, holder) = try elsewhere(scene)
    let held = scene.state
    let error = #expect(throws: BlockError.self) { try graph.activate(scene.overlay) }
    #expect(error?.kind == .conflict && error?.message.contains("lock") == true, "\(error?.message ?? "")")
    #expect(scene.state == held && scene.user.activations == 0)
    #expect(graph.nodes.allSatisfy { $0.flags.contains(.inactive) })
    try holder.edge?.write(at: 5000, [42])
    try there.release(holder)
    #expect(scene.state == inactive)

    for _ in 0..<2 {
      try graph.activate(scene.overlay)
      #expect(scene.user.activations == 1 && edge.request == ActivationTests.request)
      #expect(graph.nodes.allSatisfy { !$0.flags.contains(.inactive) })
    }
    // Written by the other one, long after this node was opened.
    #expect(try edge.array(at: 4999, count: 3) == [1, 42, 1])
    #expect(throws: BlockError.self) { _ = try elsewhere(scene) }
    try edge.write(at: 0, [43])

    // The driver's part alone changes no permission, in either state.
    let active = scene.state
    #expect(graph.violations == [])
    try edge.invalidateCache()
    #expect(scene.state == active)
    for _ in 0..<2 {
      try graph.inactivate(scene.overlay)
      #expect(scene.user.activations == 2 && scene.state == inactive)
    }
    try edge.invalidateCache()
    #expect(scene.state == inactive)

    let (again, second) = try elsewhere(scene)
    #expect(try second.edge?.array(at: 0, count: 1) == [43])
    try again.release(second)
    try graph.activate(scene.overlay)
    #expect(scene.state == active && scene.user.activations == 3)
    try graph.release(scene.user)
    #expect(graph.nodes.isEmpty && OpenFiles.under(scene.folder.path).isEmpty)
  }

  @Test("S-03 T-01 a failure at any step of activating leaves everything inactive", arguments: [true, false])
  func steps(_ activates: Bool) throws {
    var number = 0
    while true {
      number += 1
      let scene = try ChainScene(
        flags: activates ? [.writable, .inactive] : .writable, request: ActivationTests.request)
      let before = scene.state
      scene.graph.faults.arm(number)
      do throws(BlockError) {
        if activates {
          try scene.graph.activate(scene.overlay)
        } else {
          try scene.graph.inactivate(scene.overlay)
        }
        #expect(scene.state != before && scene.user.activations == 1)
        break
      } catch {
        #expect(error.message.contains("injected failure at step \(number) "), "\(error.message)")
        #expect(scene.state == before && scene.user.activations == 0, "step \(number)")
      }
    }
    #expect(number > 20, "\(number)")
  }

  @Test("S-03 a layer that others need stays active")
  func shared() throws {
    let scene = try ChainScene(flags: .writable, request: ActivationTests.request)
    let middle = try #require(scene.middle)
    try scene.graph.use(middle, "a reader", held: .consistentRead)
    try scene.graph.inactivate(scene.overlay)
    let inactive = scene.graph.nodes.filter { $0.flags.contains(.inactive) }
    #expect(inactive.map(\.name) == [scene.overlay.file?.child.name, scene.overlay.name])
    #expect(scene.graph.cumulativePermissions(of: middle).held == .consistentRead)
    try scene.graph.activate(scene.overlay)
    #expect(scene.graph.nodes.allSatisfy { !$0.flags.contains(.inactive) })
  }

  @Test("S-03 P-05 writing to an inactive image traps")
  func writing() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let scene = try ChainScene(flags: [.writable, .inactive], request: ActivationTests.request)
      try scene.user.edge?.write(at: 0, [1])
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("write without write permission by the test"), "\(text)")
  }
}

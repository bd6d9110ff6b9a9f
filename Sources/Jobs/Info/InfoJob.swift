// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import BlockGraph
package import Errors
internal import Host

/// Looks at an image and, where asked for, at every image below it, one at a time and without their data.
package final class InfoJob: Job {
  /// `info`.
  package let kind = "info"
  /// The information about each image, top first.
  package private(set) var images: [ImageInformation] = []
  private let name: ImageName
  private let settings: OpenSettings
  private let followsChain: Bool
  private let opener: Opener

  /// - Parameters:
  ///   - settings: how the top image is opened; those below are opened with the formats that stand in the images.
  ///   - followsChain: whether the images below are looked at, too.
  package init(_ name: ImageName, _ settings: OpenSettings, followsChain: Bool, opener: Opener) {
    self.name = name
    self.settings = settings
    self.followsChain = followsChain
    self.opener = opener
  }

  /// Does everything: opening is graph work, and nothing else is to be done.
  ///
  /// - Throws: why an image cannot be opened; kind `refused` where the chain loops or is too long.
  package func prepare(in graph: Graph) throws(BlockError) {
    var layer: (name: ImageName, format: String?)? = (name, settings.format)
    var visited: Set<FileIdentity> = []
    while let (name, format) = layer {
      layer = nil
      var settings = settings
      settings.format = format
      settings.followsBacking = false
      settings.flags.insert(.noIO)
      let user = graph.makeUser(
        "info: '\(name.text)'", request: PermissionRequest(held: .consistentRead, shared: .all))
      defer { try? graph.release(user) }
      try opener.open(name, settings, for: user)
      guard let node = user.edge?.child else { return }
      let image = ImageInformation(of: node)
      try refuseLoop(node, &visited)
      images.append(image)
      if followsChain, let backing = image.format?.backing {
        layer = (try resolve(backing, of: node), backing.format)
      }
    }
  }

  private func resolve(_ backing: ImageReference, of node: Node) throws(BlockError) -> ImageName {
    do throws(BlockError) {
      return try opener.find(backing, foundIn: node.fileName)
    } catch {
      // A refusal says itself which image names what.
      if error.kind == .refused { throw error }
      let name = error.subject ?? backing.name
      throw error.prefixed("Could not open '\(name)'", naming: name)
    }
  }

  private func refuseLoop(_ node: Node, _ visited: inout Set<FileIdentity>) throws(BlockError) {
    guard images.count < Opener.maximumDepth else {
      throw BlockError(.refused, "the chain of backing files is longer than \(Opener.maximumDepth) layers")
        .prefixed("Could not open '\(node.fileName)'", naming: node.fileName)
    }
    guard let identity = FilePaths.identity(of: node.fileName) else { return }
    guard visited.insert(identity).inserted else {
      throw BlockError(
        .refused, "Backing file '\(node.fileName)' creates an infinite loop.", naming: node.fileName)
    }
  }

  /// Nothing is left.
  package func run(_ context: JobContext) throws(BlockError) {}
}

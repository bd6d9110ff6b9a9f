// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Host

/// A layer of a chain and the one right above, which knows it as its backing file.
struct ChainLayer {
  let node: Node
  let upper: Node

  /// The backing file of `upper`, if it has one.
  init?(below upper: Node) {
    guard let node = upper.backing?.child else { return nil }
    (self.node, self.upper) = (node, upper)
  }

  /// The layer below `top` that is meant by `name`: as the image above it says, or as a path leads to it.
  init?(named name: String, below top: Node) {
    var upper = top
    while let layer = ChainLayer(below: upper) {
      if layer.isNamed(name) {
        self = layer
        return
      }
      upper = layer.node
    }
    return nil
  }

  /// The layer's name as it stands in the image above it.
  private var nameAbove: String? { upper.driver.formatInformation(of: upper)?.backing?.name }

  private func isNamed(_ name: String) -> Bool {
    if node.name == name || node.fileName == name || nameAbove == name { return true }
    guard !name.isEmpty, let identity = FilePaths.identity(of: node.fileName) else { return false }
    return identity == FilePaths.identity(of: name)
      || identity == FilePaths.identity(of: ImageName.resolve(name, relativeTo: upper.fileName))
  }

  /// The name that makes the layer the backing file of `overlay`: a relative name stays one, seen from the
  /// overlay's folder, unless the overlay's own name for what it stands on is absolute.
  func name(for overlay: Node) -> String {
    let absolute = FilePaths.resolvingLinks(node.fileName)
    guard let nameAbove, ChainLayer.isRelative(nameAbove) else { return self.nameAbove ?? absolute }
    let present = overlay.driver.formatInformation(of: overlay)?.backing?.name
    guard present.map(ChainLayer.isRelative) ?? true else { return absolute }
    let folder = FilePaths.folder(of: overlay.fileName)
    if folder == FilePaths.folder(of: upper.fileName) { return nameAbove }
    // The name that the layer goes by, in the folder where it really is.
    let place = FilePaths.join(
      FilePaths.resolvingLinks(FilePaths.folder(of: node.fileName)), FilePaths.name(of: node.fileName))
    return FilePaths.relative(place, from: FilePaths.resolvingLinks(folder))
  }

  private static func isRelative(_ name: String) -> Bool {
    !name.hasPrefix("/") && ImageName.protocolPrefix(of: name) == nil
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Jobs
internal import Options

/// Names inside an image, for completion: looked up without following anything that the image names, and without
/// minding who else uses it.
enum ImageNames {
  /// The names of the internal snapshots.
  static func snapshots(in image: CompletedLine.Image) -> [String] {
    information(image)?.snapshots.map(\.name) ?? []
  }

  /// The identifiers of the disks.
  static func disks(in image: CompletedLine.Image) -> [String] {
    let data = information(image)?.specific?.object?["data"]?.object
    return (data?["disks"]?.array ?? []).compactMap { $0.object?["id"]?.string }
  }

  /// The names of the persistent bitmaps.
  static func bitmaps(in image: CompletedLine.Image) -> [String] {
    let data = information(image)?.specific?.object?["data"]?.object
    return (data?["bitmaps"]?.array ?? []).compactMap { $0.object?["name"]?.string }
  }

  private static func information(_ image: CompletedLine.Image) -> FormatInformation? {
    let graph = Graph()
    let opener = Opener(graph: graph, kinds: Drivers.all, references: .none)
    let user = graph.makeUser("completion", request: PermissionRequest(held: .consistentRead, shared: .all))
    let settings = OpenSettings(format: image.format, flags: [.noIO, .forceShare], followsBacking: false)
    defer { try? graph.release(user) }
    do {
      try opener.open(ImageName(path: image.path), settings, for: user)
    } catch {
      return nil
    }
    return user.edge.flatMap { $0.child.driver.formatInformation(of: $0.child) }
  }
}

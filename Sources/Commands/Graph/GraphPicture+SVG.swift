// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph

extension GraphPicture {
  /// One box of the drawing.
  private struct Box {
    /// How edges call it as a parent.
    var name: String
    var lines: [String]
    /// How many edges lie above it at most.
    var level = 0
    var x = 0
    var y = 0
  }

  private static let boxWidth = 260
  private static let boxHeight = 52
  private static let gapX = 60
  private static let gapY = 90

  /// A drawing: users on top, each node below all of its parents.
  var svg: String {
    let boxes = placed
    let right = boxes.map { $0.x }.max() ?? 0
    let bottom = boxes.map { $0.y }.max() ?? 0
    var drawing = SVG(
      width: right + GraphPicture.boxWidth + 20, height: bottom + GraphPicture.boxHeight + 20)
    for edge in dump.edges {
      guard let parent = boxes.first(where: { $0.name == edge.parent }),
        let child = boxes.first(where: { $0.name == "node '\(edge.child)'" })
      else { continue }
      let half = GraphPicture.boxWidth / 2
      let start = (x: parent.x + half, y: parent.y + GraphPicture.boxHeight)
      drawing.arrow(start.x, start.y, child.x + half, child.y)
      let (x, y) = ((start.x + child.x + half) / 2 + 6, (start.y + child.y) / 2 - 10)
      drawing.text(x, y, "\(edge.slot): \(edge.role.names.joined(separator: ", "))")
      drawing.text(x, y + 14, "holds \(names(edge.request.held))")
      drawing.text(x, y + 28, "shares \(names(edge.request.shared))")
    }
    for box in boxes {
      let isNode = box.lines.count > 1
      drawing.box(
        box.x, box.y, GraphPicture.boxWidth, GraphPicture.boxHeight, fill: isNode ? "#e6eef8" : "#fdf3dc",
        title: box.lines.joined(separator: ", "))
      for (index, line) in box.lines.enumerated() {
        drawing.text(box.x + 8, box.y + 16 + index * 15, GraphPicture.shortened(line))
      }
    }
    return drawing.document
  }

  /// The boxes with their places, row by row.
  private var placed: [Box] {
    var boxes: [Box] = dump.users.map { Box(name: $0, lines: [$0]) }
    for node in dump.nodes {
      boxes.append(
        Box(name: GraphPicture.parent(node), lines: [node.name, node.driver, node.fileName]))
    }
    // The graph has no circles, so that levels settle within as many rounds as there are boxes.
    for _ in boxes.indices {
      var isSettled = true
      for edge in dump.edges {
        guard let parent = boxes.firstIndex(where: { $0.name == edge.parent }),
          let child = boxes.firstIndex(where: { $0.name == "node '\(edge.child)'" }),
          boxes[child].level <= boxes[parent].level
        else { continue }
        boxes[child].level = boxes[parent].level + 1
        isSettled = false
      }
      if isSettled { break }
    }
    var columns: [Int: Int] = [:]
    for index in boxes.indices {
      let level = boxes[index].level
      let column = columns[level] ?? 0
      columns[level] = column + 1
      boxes[index].x = 20 + column * (GraphPicture.boxWidth + GraphPicture.gapX)
      boxes[index].y = 20 + level * (GraphPicture.boxHeight + GraphPicture.gapY)
    }
    return boxes
  }

  /// A line that fits a box: of a long name the end, which tells more.
  private static func shortened(_ text: String) -> String {
    text.count <= 40 ? text : "…" + text.suffix(39)
  }
}

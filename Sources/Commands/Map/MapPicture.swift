// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Jobs
internal import Options

/// Draws where the layers of an image hold something, along its disk: each layer is a row of cells.
///
/// A cell shows the most telling of what falls into it, so that the picture is of the same size for any disk.
struct MapPicture: MapRenderer {
  /// How the picture is drawn.
  enum Form {
    /// Rows of characters.
    case bar
    /// A drawing for browsers.
    case svg
  }

  /// The content that a cell shows; the more telling one is larger.
  enum Mark: UInt8, Comparable, CaseIterable {
    case nothing, zero, compressed, data

    static func < (left: Mark, right: Mark) -> Bool { left.rawValue < right.rawValue }

    /// The character of the mark.
    var character: Character {
      switch self {
      case .nothing: "."
      case .zero: "0"
      case .compressed: "c"
      case .data: "#"
      }
    }

    /// The meaning of the mark.
    var meaning: String {
      switch self {
      case .nothing: "not allocated"
      case .zero: "zero"
      case .compressed: "compressed"
      case .data: "data"
      }
    }

    /// Its colour in a drawing.
    var colour: String {
      switch self {
      case .nothing: "#eeeeee"
      case .zero: "#b8d8f0"
      case .compressed: "#e8a33d"
      case .data: "#3d6fb6"
      }
    }
  }

  private let console: Console
  private let form: Form
  private let range: Range<UInt64>
  private let names: [String]
  private var rows: [[Mark]]

  /// Rows for all layers of the image.
  init(_ console: Console, _ edge: Edge, start: UInt64, length: UInt64, form: Form) {
    self.console = console
    self.form = form
    let first = min(start, edge.length)
    range = first..<min(edge.length, first.plus(length) ?? .max)
    var names = [edge.child.fileName]
    var layer = edge.child
    while let backing = layer.backing?.child {
      names.append(backing.fileName)
      layer = backing
    }
    self.names = names
    let count = form == .bar ? 64 : 480
    rows = Array(repeating: Array(repeating: .nothing, count: count), count: names.count)
  }

  func begin() {}

  mutating func add(_ entry: MapEntry) {
    let mark: Mark =
      if entry.status.isCompressed { .compressed } else if entry.status.isZero {
        .zero
      } else if entry.status.isData {
        .data
      } else { .nothing }
    guard entry.status.isPresent, mark != .nothing, rows.indices.contains(entry.status.depth) else { return }
    let first = cell(entry.start)
    let last = cell(entry.start + max(entry.status.length, 1) - 1)
    for index in first...max(first, last) {
      rows[entry.status.depth][index] = max(rows[entry.status.depth][index], mark)
    }
  }

  func end() {
    switch form {
    case .bar: console.print(bar)
    case .svg: console.print(svg)
    }
  }

  private var count: Int { rows.first?.count ?? 1 }

  /// The cell that a place of the disk falls into.
  private func cell(_ offset: UInt64) -> Int {
    let total = UInt64(range.count64)
    guard total > 0, offset > range.lowerBound else { return 0 }
    let product = (offset - range.lowerBound).multipliedFullWidth(by: UInt64(count))
    guard product.high < total else { return count - 1 }
    return min(count - 1, Int(clamping: total.dividingFullWidth(product).quotient))
  }

  // MARK: Drawing

  private var title: String {
    "\(SizeText.human(range.lowerBound)) to \(SizeText.human(range.upperBound)), "
      + "\(SizeText.human(range.count64 / UInt64(count))) a cell"
  }

  private var bar: String {
    var text = ""
    for (depth, row) in rows.enumerated() {
      text += Columns.right(String(depth), 3) + " [" + String(row.map(\.character)) + "] \(names[depth])\n"
    }
    let legend = Mark.allCases.reversed().map { "\($0.character) \($0.meaning)" }.joined(separator: ", ")
    return text + "    \(title): \(legend)\n"
  }

  private var svg: String {
    let (left, height) = (16, 40)
    let width = left * 2 + count * 2
    var picture = SVG(width: width, height: 60 + rows.count * height)
    picture.text(left, 20, title)
    for (depth, row) in rows.enumerated() {
      let top = 30 + depth * height
      picture.text(left, top + 12, "\(depth): \(names[depth])")
      var start = 0
      for index in 1...row.count where index == row.count || row[index] != row[start] {
        picture.box(
          left + start * 2, top + 16, (index - start) * 2, 16, fill: row[start].colour,
          title: row[start].meaning)
        start = index
      }
    }
    var place = left
    for mark in Mark.allCases {
      picture.box(place, 40 + rows.count * height, 12, 12, fill: mark.colour, title: mark.meaning)
      picture.text(place + 16, 50 + rows.count * height, mark.meaning)
      place += 120
    }
    return picture.document
  }
}

extension Range<UInt64> {
  fileprivate var count64: UInt64 { upperBound - lowerBound }
}

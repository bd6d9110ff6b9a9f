// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Host

/// A drawing of boxes, lines and text, as an SVG document. Coordinates are pixels from the upper left corner.
struct SVG {
  private let width: Int
  private let height: Int
  private var body = ""

  /// An empty drawing.
  init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// A filled box; browsers show `title` where the pointer rests on it.
  mutating func box(_ x: Int, _ y: Int, _ width: Int, _ height: Int, fill: String, title: String = "") {
    body +=
      "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"\(height)\" fill=\"\(fill)\" stroke=\"#555\" "
    body +=
      "stroke-width=\"0.3\">" + (title.isEmpty ? "" : "<title>\(SVG.escaped(title))</title>") + "</rect>\n"
  }

  /// A line of text that starts at the place.
  mutating func text(_ x: Int, _ y: Int, _ text: String) {
    body += "<text x=\"\(x)\" y=\"\(y)\">\(SVG.escaped(text))</text>\n"
  }

  /// An arrow from one place to another.
  mutating func arrow(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int) {
    body +=
      "<line x1=\"\(x1)\" y1=\"\(y1)\" x2=\"\(x2)\" y2=\"\(y2)\" stroke=\"#333\" marker-end=\"url(#tip)\"/>\n"
  }

  /// The whole document.
  var document: String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" width="\(width)" height="\(height)" viewBox="0 0 \(width) \(height)" \
    font-family="sans-serif" font-size="11">
    <defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" \
    orient="auto"><path d="M0 0L8 4L0 8z" fill="#333"/></marker></defs>
    <rect width="100%" height="100%" fill="white"/>
    \(body)</svg>

    """
  }

  /// Text with nothing in it that XML takes for its own, or does not allow.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.shown.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\0"..<" ", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

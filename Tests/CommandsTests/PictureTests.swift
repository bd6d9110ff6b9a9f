// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

@testable import Commands

@Suite struct PictureTests {
  @Test("a map as rows and as a drawing")
  func map() {
    let images = ExampleImages()
    _ = Shell.run("printf x | dd of=\"$1\" bs=1 seek=524288 conv=notrunc", images.raw)
    let bar = images.run("map", "-f", "raw", "--output=text-bar", images.raw)
    // New raw files start with a block of real zeros.
    let half = "#" + String(repeating: "0", count: 31)
    let row = half + half
    #expect(bar.output.hasPrefix("  0 [\(row)] \(images.raw)\n"), "\(bar.output)")
    let chain = images.run("map", "--output=text-bar", images.top).output
    #expect(chain.split(separator: "\n").count == 3 && chain.contains("  1 [") && chain.contains(images.base))
    let svg = images.run("map", "--output=svg", images.top).output
    #expect(svg.hasPrefix("<svg xmlns=") && svg.hasSuffix("</svg>\n") && svg.contains(images.base))
  }

  @Test("an empty disk, and a part beyond the end, are drawn, too")
  func empty() {
    #expect(Transcript(["strata", "map", "--output=text-bar", "/dev/null"]).status == 0)
    let images = ExampleImages()
    #expect(images.run("map", "--output=svg", "-s", "8M", "-l", "1M", images.base).status == 0)
  }

  @Test("a graph as a drawing, with names that XML would take for its own")
  func graph() {
    let images = ExampleImages()
    let odd = images.folder.file("a<b>&c.raw")
    _ = images.run("create", "-q", odd, "1M")
    let svg = images.run("graph", "--output=svg", "-f", "raw", odd).output
    #expect(svg.contains("a&lt;b&gt;&amp;c.raw") && !svg.contains("a<b>"))
    #expect(images.run("graph", "--output=svg", images.top).output.contains("backing: "))
  }
}

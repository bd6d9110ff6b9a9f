// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import BlockGraph
import Errors
import Host
import Options
import Support
import Testing

@testable import Jobs

/// The files of an image appear together, or none does.
@Suite struct TargetFilesTests {
  private let folder = TemporaryFolder()

  private func make(_ graph: Graph) throws(BlockError) -> NewImage {
    let options: OptionObject = ["data_file": .string(folder.file("data")), "data_file_raw": true]
    let recipe = ImageRecipe(path: folder.file("image"), format: "qcow2", size: 1 << 20, options: options)
    return try NewImage(
      recipe, flags: .noFlush, graph: graph, opener: Opener(graph: graph, kinds: Drivers.all))
  }

  /// What a script makes of the folder before, and what it does after the files are filled; how the data file is to
  /// be found in the end.
  @Test(
    "B-06 D-04 where the image cannot appear, its data file does not either",
    arguments: [
      ("true", "mkdir image", "gone"),
      ("echo old >data", "mkdir image", "old"),
      ("echo old >data; ln data other", "mkdir image", "filled in place"),
      ("echo old >image; echo old >data", "ln image other", "old"),
      ("true", "mkdir data", "no file"),
    ])
  func together(_ before: String, _ meanwhile: String, _ fate: String) throws {
    #expect(Shell.run(before, folder: folder.path).status == 0)
    let graph = Graph()
    let image = try make(graph)
    #expect(Shell.run(meanwhile, folder: folder.path).status == 0)
    #expect(throws: BlockError.self) { try image.publish() }
    image.discard()
    #expect(graph.nodes.isEmpty && graph.rootUsers.isEmpty)
    let found = Shell.run(
      """
      rmdir image 2>/dev/null
      [ ! -e image ] || [ "$(cat image)" = old ] || echo "there is an image"
      if [ -d data ]; then echo no file; elif [ ! -e data ]; then echo gone; elif [ "$(cat data)" = old ]; then echo old
      else [ ! -s data ] && echo filled in place; fi
      ls -A | grep part
      """, folder: folder.path)
    #expect(found.output == fate + "\n")
  }

  @Test(
    "B-06 both appear, whatever was there",
    arguments: ["true", "echo old >data", "echo old >data; ln data other"])
  func both(_ before: String) throws {
    #expect(Shell.run(before, folder: folder.path).status == 0)
    let graph = Graph()
    let image = try make(graph)
    try image.publish()
    image.discard()
    let found = Shell.run(
      "qemu-img check -q image; stat -c %s data; ls -A | grep part", folder: folder.path)
    #expect(found.output == "1048576\n")
  }
}

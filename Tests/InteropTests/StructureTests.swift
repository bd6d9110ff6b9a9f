// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// `make structure`: modules, their dependencies, and how far types are spread.
@Suite struct StructureTests {
  @Test("no module depends on one above it")
  func order() {
    let outcome = Shell.run("\"$1/Scripts/structure\" | grep -c '^Commands .* Jobs'", Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n"))
    let whole = Shell.run("\"$1/Scripts/structure\" 2>&1 >/dev/null", Programs.root)
    #expect(whole == Shell.Outcome(status: 0, output: ""))
  }

  @Test("only the library's module promises anything to other packages")
  func access() {
    let outcome = Shell.run(
      "grep -rnE '^[^/\"]*\\b(public|open) (import|final|struct|class|enum|protocol|extension|func|var|let|init|static)' "
        + "Sources --include=*.swift | grep -v '^Sources/Strata/' | head -n 3", folder: Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "a dependency that points up is named",
    arguments: [
      ("sed -i 's/module(\"Options\", \\[\"Errors\", /&\"Jobs\", /' Package.swift"),
      ("echo 'internal import Jobs' >> Sources/Options/SizeText.swift"),
    ])
  func upward(_ change: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      "cp -r \"$1\"/Package.swift \"$1\"/Sources . && eval \"$2\" && \"$1/Scripts/structure\" . 2>&1 >/dev/null",
      arguments: [Programs.root, change], folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(status: 1, output: "strata: 'Options' depends on 'Jobs', which stands above it\n"))
  }

  @Test("D-03 names go to C as their bytes, and come from there as text that spells them")
  func names() {
    let outcome = Shell.run(
      #"""
      # A string given to C would go there in the spelling that it has inside the program.
      calls='stat|lstat|statvfs|statfs|unlink|rename|realpath|readlink|access|opendir|link|symlink|chmod|chown|mkdir|rmdir'
      grep -rnE "unsafe ($calls|linux_[a-z_]+)\(([^()]*, *)?(path|name|folder|old|new|here|above|target|temporaryPath)[,)]" Sources
      # What comes from the system or from an image is repaired by these, and loses what it was.
      grep -rnE 'String\((cString|decoding): ?(resolved|message|bytes|idBytes|nameBytes|nameKey|data|name)\b' \
        Sources/Host Sources/Formats Sources/Protocols Sources/Crypto | grep -v File+Text
      true
      """#, folder: Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("a kind states all drivers that its images may get, or its drivers can do nothing more")
  func drivers() {
    let outcome = Shell.run(
      #"""
      for folder in Sources/Formats/[!BF]*/ Sources/Formats/Bochs/; do
        stated=$(grep -rhA 2 'var driverTypes' "$folder")
        while read -r declaration; do
          driver=$(grep -oE 'class [A-Za-z0-9]+' <<< "$declaration" | cut -d ' ' -f 2)
          if [[ $stated ]]; then
            grep -q "$driver.self" <<< "$stated" || echo "$folder: $driver is not stated"
          elif grep -qE '(Checking|Snapshotting|Bitmap|BlockTable)Driver' <<< "$declaration"; then
            echo "$folder: $driver can do more than its kind states"
          fi
        done < <(grep -rhE 'class [A-Za-z0-9]+Driver: ' "$folder")
      done
      """#, folder: Programs.root)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}

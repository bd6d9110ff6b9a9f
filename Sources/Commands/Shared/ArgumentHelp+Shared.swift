// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

// Not option groups: each one more shows in the start-up of short commands.
extension ArgumentHelp {
  /// Of `--format`, in commands about one image.
  static var imageFormat: ArgumentHelp {
    ArgumentHelp("The format; without it, the content is looked at.", valueName: "format")
  }

  /// Of `--disk`, in commands about one image.
  static var disk: ArgumentHelp {
    ArgumentHelp("The disk of an appliance (OVA, OVF): its number, id or file.", valueName: "disk")
  }

  /// Of `--no-verify`, in commands that read an image whole.
  static var noVerify: ArgumentHelp { "Do not hold an appliance's files against its manifest." }

  /// Of `--cache` and `--source-cache`, in commands where one will do.
  static var cacheMode: ArgumentHelp {
    ArgumentHelp("Cache mode: none, writeback, writethrough, directsync or unsafe.", valueName: "mode")
  }
}

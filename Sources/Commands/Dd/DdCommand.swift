// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import BlockGraph
internal import Errors
internal import Jobs

/// `dd`: a part of an image into another one.
struct DdCommand: ProgramCommand {
  static var configuration: CommandConfiguration {
    CommandConfiguration(
      command: "dd", abstract: "Copy a part of an image, block by block.",
      usage: "strata dd [OPTIONS] if=FILE of=FILE [bs=SIZE] [count=N] [skip=N] [seek=N] [osize=SIZE] "
        + "[isize=SIZE] [conv=WORD] [iflag=WORD] [oflag=WORD]",
      discussion: """
        Of the source, skip=N blocks of bs=SIZE bytes (512) are left out and count=N are copied. A dash instead of \
        FILE is standard input or output, which are raw. A new target takes the place of what was there when it is \
        complete; with seek=N, which starts N blocks into the target, or conv=notrunc, an image that is there \
        keeps what is not written. osize=SIZE sets the length of the target's disk, isize=SIZE the length that the \
        source has to have. N counts bytes where it ends in B, as in count=10MB, or with iflag=count_bytes,skip_bytes \
        and oflag=seek_bytes. conv=sparse lets zeros take no space.

        EXAMPLES:
          strata dd -f raw -O raw bs=512 count=1 if=disk.raw of=mbr.bin
          strata dd -f qcow2 bs=1M skip=10 count=100 if=disk.qcow2 of=- | gzip > part.gz
          gunzip < disk.raw.gz | strata dd -O qcow2 conv=sparse if=- of=disk.qcow2
        """)
  }

  @Option(
    name: option("f", "format", "source-format"),
    help: ArgumentHelp("The source's format; without it, the content is looked at.", valueName: "format"))
  var format: String?

  @Option(name: addedOption("disk"), help: .disk)
  var disk: String?

  @Option(
    name: option("O", "target-format"),
    help: ArgumentHelp("The target's format; raw without it.", valueName: "format"))
  var targetFormat: String?

  @OptionGroup(title: group(AccessOptions.self))
  var access: AccessOptions

  @OptionGroup(title: group(StandardOptions.self))
  var standard: StandardOptions

  @Argument(help: ArgumentHelp("What is copied from where to where.", valueName: "name=value"))
  var operands: [String] = []

  static func images(in operands: [String]) -> [String] {
    ["if=", "of="].flatMap { name in
      operands.filter { $0.hasPrefix(name) && $0 != name + "-" }.map { String($0.dropFirst(name.count)) }
    }
  }

  func perform(in session: Session) throws -> Int32 {
    let operands = try DdOperands(operands, warn: session.console.warn)
    guard let input = operands.input, let output = operands.output else {
      throw BlockError(.invalidArgument, "Must specify both input and output files")
    }
    let job = DdJob(try options(operands, input, output, session), opener: session.opener)
    try session.run(job, session.reporter(isShown: false))
    if job.skippedTooMuch { session.console.complain("\(input): cannot skip to specified offset") }
    return 0
  }

  private func options(_ operands: DdOperands, _ input: String, _ output: String, _ session: Session)
    throws(BlockError) -> DdOptions
  {
    let image = try access.image(input, format: format, disk: disk)
    let isInputStream = input == "-" && !access.imageOptions
    let isOutputStream = output == "-"
    try checkStreams(isInputStream, isOutputStream, operands)
    var options = DdOptions(
      source: isInputStream ? .standardStream : .image(try session.name(of: image)),
      target: isOutputStream ? .standardStream : .image(try targetName(output, session)))
    options.sourceSettings = image.settings
    options.targetFormat = targetFormat ?? Drivers.unstatedFormat
    options.count = operands.countBytes
    options.skip = operands.skipBytes
    options.seek = operands.seekBytes
    options.inputSize = operands.inputSize
    options.outputSize = operands.outputSize
    options.keepsTarget = operands.keepsTarget
    options.isSparse = operands.isSparse
    return options
  }

  private func targetName(_ text: String, _ session: Session) throws(BlockError) -> ImageName {
    return try ImageName(text, protocols: session.opener.protocols)
  }

  private func checkStreams(_ isInput: Bool, _ isOutput: Bool, _ operands: DdOperands) throws(BlockError) {
    if isInput, disk != nil {
      throw BlockError(.invalidArgument, "--disk makes no sense for standard input")
    }
    if isInput, let format, format != "raw" {
      throw BlockError(.invalidArgument, "Standard input can only be read as 'raw', not as '\(format)'")
    }
    if isOutput, let targetFormat, targetFormat != "raw" {
      throw BlockError(
        .invalidArgument, "Standard output can only be written as 'raw', not as '\(targetFormat)'")
    }
    if isOutput, operands.outputSize != nil {
      throw BlockError(.invalidArgument, "osize= makes no sense for standard output")
    }
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Bytes
internal import Errors
internal import Host
internal import Options

/// The findings about an image that is not opened: from its first and last bytes and its tables, and from no file that
/// they name.
struct Inspection {
  /// The judgement about the image.
  enum Verdict: String {
    /// Nothing that could harm was found.
    case safe
    /// It could make a program read or write what it should not.
    case unsafe
    /// It cannot be read, so nothing can be said for it.
    case unreadable
  }

  /// One thing that was found.
  struct Finding: Equatable {
    /// Whether it makes the image unsafe, or unreadable; otherwise it is only worth knowing.
    var verdict: Verdict
    var message: String
  }

  /// A virtual size that is worth a remark, in bytes.
  private static let largeSize: UInt64 = 16 << 40

  private(set) var format = "raw"
  /// By what the format is known, where this program reads it.
  private(set) var recognition: String?
  private(set) var fileSize: UInt64 = 0
  private(set) var header: HeaderFindings?
  /// The signs found, without repetition.
  private(set) var signatures: [Signature] = []
  private(set) var findings: [Finding] = []

  /// Looks at the file at `path`; `stated` is the format that the user says it has.
  ///
  /// - Throws: why it cannot be read; kind `invalidArgument` for what is no file or device.
  init(_ path: String, stated: String?, kinds: [any DriverKind]) throws(BlockError) {
    switch FilePaths.kind(of: path) {
    case .directory, .pipe, .other, .characterDevice:
      throw BlockError(.invalidArgument, "'\(path)' is neither a file nor a block device", naming: path)
    case nil, .regular, .blockDevice: break
    }
    let file = try inFile(path) { () throws(BlockError) in try File(path: path, mode: []) }
    fileSize = try file.length()
    let inspected = try InspectedFile(length: fileSize) { (offset, count) throws(BlockError) in
      try file.readPart(at: offset, count: count)
    }
    let tailLength = min(fileSize, UInt64(Signature.longestTail))
    let tail = try file.readPart(at: fileSize - tailLength, count: Int(tailLength))
    for signature in Signature.all
    where signature.isIn(inspected.head.bytes, tail: tail.bytes, length: fileSize) {
      if !signatures.contains(where: { $0.name == signature.name }) { signatures.append(signature) }
    }
    let images = signatures.filter { $0.family == .image }.map { $0.name }
    let input = try ProbeInput(length: fileSize, name: path) { (offset, count) throws(BlockError) in
      try file.readPart(at: offset, count: count)
    }
    let found = kinds.recognize(input)
    format = stated ?? images.first ?? kinds.folder(describedBy: path)?.name ?? found?.kind.name ?? "raw"
    if let found, found.kind.name == format, format != "raw" {
      recognition = found.recognition.reason
    }
    judgeSigns(images, stated: stated)
    try judgeHeader(inspected, kinds)
  }

  // MARK: Findings

  private mutating func note(_ verdict: Verdict, _ message: String) {
    findings.append(Finding(verdict: verdict, message: message))
  }

  private mutating func judgeSigns(_ images: [String], stated: String?) {
    let foreign = signatures.filter { $0.family == .foreign }.map { $0.name }
    let disk = signatures.filter { $0.family == .content || $0.family == .disc }.map { $0.name }
    if let stated, let found = images.first, !images.contains(stated) {
      note(
        .unsafe,
        "stated as \(stated), but it looks like \(found): a program that guesses will take it for that")
    }
    if images.count > 1 {
      note(.unsafe, "it can be taken for several formats: \(images.joined(separator: ", "))")
    }
    if let image = images.first, !foreign.isEmpty || !disk.isEmpty {
      note(.unsafe, "besides \(image) it can be taken for \((disk + foreign).joined(separator: ", "))")
    }
    guard images.isEmpty else { return }
    if !foreign.isEmpty {
      let others = disk.isEmpty ? "" : ", and for a disk with \(disk.joined(separator: ", "))"
      note(.unsafe, "it can be taken for \(foreign.joined(separator: ", "))\(others)")
    }
    if stated == nil, format == "raw" {
      note(.safe, "it looks like no image format: state the format raw when you use it")
    }
  }

  private mutating func judgeHeader(_ file: InspectedFile, _ kinds: [any DriverKind]) throws(BlockError) {
    guard format != "raw" else { return }
    guard let kind = kinds.first(where: { $0.name == format && !$0.isProtocol }) else {
      note(.unreadable, "the format \(format) is not one that this program reads")
      return
    }
    guard let inspector = kind as? any InspectingKind else { return }
    do throws(BlockError) {
      header = try inspector.inspect(file)
    } catch {
      note(.unreadable, error.message)
      return
    }
    guard let header else { return }
    for reference in header.references {
      let guess = reference.isStorage ? "" : ", whose format would be guessed"
      let format = reference.format.map { " (\($0))" } ?? guess
      note(.unsafe, "it names the \(reference.slot.fileWords) '\(reference.name)'\(format)")
    }
    for finding in try ContainedFindings(header.contained, in: file, kinds).all {
      note(finding.verdict, finding.message)
    }
    for remark in header.remarks { note(.safe, remark) }
    for defect in header.defects { note(.unsafe, defect) }
    for feature in header.unknownFeatures {
      note(feature.hasPrefix("incompatible") ? .unsafe : .safe, "unknown \(feature)")
    }
    if header.virtualSize > Inspection.largeSize {
      note(.safe, "its disk is very large: \(SizeText.humanAndBytes(header.virtualSize))")
    }
  }

  // MARK: The verdict

  /// The worst that was found.
  var verdict: Verdict {
    if findings.contains(where: { $0.verdict == .unreadable }) { return .unreadable }
    return findings.contains { $0.verdict == .unsafe } ? .unsafe : .safe
  }

  /// Guest-visible length in bytes, where it is known.
  var virtualSize: UInt64? { format == "raw" ? fileSize.roundedUp(to: 512) : header?.virtualSize }

  /// How it is encrypted.
  var encryption: String? { header?.encryption ?? (format == "luks" ? "luks" : nil) }

  /// Lines for people.
  func text(_ path: String) -> String {
    var text = "image: \(path)\nverdict: \(verdict.rawValue)\nformat: \(format)\n"
    if let recognition { text += "known by: \(recognition)\n" }
    if let virtualSize { text += "virtual size: \(SizeText.humanAndBytes(virtualSize))\n" }
    text += "file size: \(SizeText.humanAndBytes(fileSize))\n"
    if let encryption { text += "encryption: \(encryption)\n" }
    for detail in header?.details ?? [] {
      text += "\(detail.name.replacing("-", with: " ")): \(detail.value.shown)\n"
    }
    if !signatures.isEmpty { text += "signs of: \(signatures.map { $0.name }.joined(separator: ", "))\n" }
    for finding in findings {
      text += (finding.verdict == .safe ? "note: " : finding.verdict.rawValue + ": ") + finding.message + "\n"
    }
    return text
  }

  /// An object for programs.
  func tree(_ path: String) -> OptionTree {
    var object: OptionObject = [
      "schema-version": OptionTree(ResultReport.schemaVersion), "filename": .string(path),
      "verdict": .string(verdict.rawValue), "format": .string(format),
    ]
    if let recognition { object["known-by"] = .string(recognition) }
    if let virtualSize { object["virtual-size"] = OptionTree(virtualSize) }
    object["file-size"] = OptionTree(fileSize)
    object["encryption"] = encryption.map { .string($0) } ?? .null
    var details = OptionObject()
    for detail in header?.details ?? [] { details[detail.name] = detail.value.tree }
    object["details"] = .object(details)
    object["signs"] = .array(signatures.map { .string($0.name) })
    object["references"] = .array((header?.references ?? []).map(Inspection.tree))
    object["unknown-features"] = .array((header?.unknownFeatures ?? []).map { .string($0) })
    object["findings"] = .array(
      findings.map { finding in
        [
          "severity": .string(finding.verdict == .safe ? "note" : finding.verdict.rawValue),
          "message": .string(finding.message),
        ]
      })
    return .object(object)
  }

  private static func tree(_ reference: ImageReference) -> OptionTree {
    [
      "slot": .string(reference.slot.rawValue), "name": .string(reference.name),
      "format": reference.format.map { .string($0) } ?? .null,
    ]
  }
}

extension HeaderDetail.Value {
  /// The value for people.
  fileprivate var shown: String {
    switch self {
    case .bytes(let count): SizeText.humanAndBytes(count)
    case .number(let number): String(number)
    case .text(let text): text
    }
  }

  /// The value for programs.
  fileprivate var tree: OptionTree {
    switch self {
    case .bytes(let number), .number(let number): OptionTree(number)
    case .text(let text): .string(text)
    }
  }
}

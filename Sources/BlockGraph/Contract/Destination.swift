// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes
package import Errors
package import Options

/// A hypervisor or a cloud that takes images of some formats, by rules of its own.
package enum Destination: String, CaseIterable, Sendable {
  case esxi, vsphere, virtualbox, aws, azure, gcp

  /// The creation option and the option of `check` that name one.
  package static let option = "target"

  /// Its name as people write it.
  package var words: String {
    switch self {
    case .esxi: "ESXi"
    case .vsphere: "vSphere"
    case .virtualbox: "VirtualBox"
    case .aws: "AWS"
    case .azure: "Azure"
    case .gcp: "Google Cloud"
    }
  }

  /// The formats that it takes; the one that goes most easily comes first.
  package var formats: [String] {
    switch self {
    case .esxi: ["vmdk"]
    case .vsphere: ["vmdk", "ova"]
    case .virtualbox: ["vdi", "vmdk", "vpc", "ova"]
    case .aws: ["vmdk", "vpc", "vhdx", "raw", "ova"]
    case .azure: ["vpc"]
    case .gcp: ["vmdk", "vpc", "raw", "ova"]
    }
  }

  /// The lengths in bytes that its disks may have.
  package var lengths: ClosedRange<UInt64> {
    switch self {
    case .azure: 20 << 20...32 << 40
    case .esxi, .vsphere: 1 << 20...62 << 40
    case .virtualbox, .aws, .gcp: 1...UInt64(Int64.max)
    }
  }

  /// What the length of a disk in images of a format must be a multiple of, in bytes.
  package func lengthUnit(of format: String) -> UInt64 {
    switch self {
    case .azure: 1 << 20
    case .gcp where format == "raw": 1 << 30
    default: 512
    }
  }

  /// The destination that a user names for an image of a format.
  ///
  /// - Throws: kind `invalidArgument` for a name that there is not, or one that takes no such images.
  package init(_ name: String, format: String) throws(BlockError) {
    guard let destination = Destination(rawValue: name) else {
      let all = Destination.allCases.map(\.rawValue).joined(separator: ", ")
      throw BlockError(
        .invalidArgument, "Parameter '\(Destination.option)' does not accept value '\(name)'",
        advice: "There are: \(all).")
    }
    if let refusal = destination.refusal(of: format) { throw refusal }
    self = destination
  }

  /// Why it does not take images of a format; nil where it does.
  package func refusal(of format: String) -> BlockError? {
    guard !formats.contains(format) else { return nil }
    return BlockError(
      .invalidArgument, "\(words) takes no images of format '\(format)'",
      advice: "It takes: \(formats.joined(separator: ", ")).")
  }

  /// The length in bytes of a new disk for which `size` bytes are asked: as many, or more where it has to be.
  ///
  /// - Throws: kind `tooLarge` where it takes none as long.
  package func length(_ size: UInt64, format: String) throws(BlockError) -> UInt64 {
    // Whole MiB suit them all.
    guard let length = size.roundedUp(to: max(lengthUnit(of: format), 1 << 20)), length <= lengths.upperBound
    else {
      throw BlockError(
        .tooLarge, "\(words) takes no disk of \(size) bytes: \(lengths.upperBound >> 40) TiB are the most")
    }
    return max(length, lengths.lowerBound)
  }

  /// What it would refuse a disk of some length in an image of a format for: a line each.
  package func deviations(ofLength length: UInt64, format: String) -> [String] {
    var lines: [String] = []
    let unit = lengthUnit(of: format)
    if length % unit != 0 {
      let name = unit == 1 << 30 ? "GiB" : unit == 1 << 20 ? "MiB" : "sectors"
      lines.append("the disk of \(length) bytes is no whole number of \(name)")
    }
    if length < lengths.lowerBound {
      lines.append("the disk of \(length) bytes is shorter than \(lengths.lowerBound >> 20) MiB")
    }
    if length > lengths.upperBound {
      lines.append("the disk of \(length) bytes is longer than \(lengths.upperBound >> 40) TiB")
    }
    return lines
  }
}

/// A format whose images have to be made in a certain way for some destinations.
package protocol DestinedKind: DriverKind {
  /// The creation options that an image for a destination has; of those that `required` says, the user may state no others.
  func creationOptions(for destination: Destination) -> DestinedOptions
}

/// The creation options that follow from the destination of an image.
package struct DestinedOptions: Sendable {
  /// Those without which the image would not be taken.
  package var required: [KeyValueList.Item]
  /// Those that hold where the user states nothing else.
  package var usual: [KeyValueList.Item]

  /// Makes them from names and values.
  package init(
    required: KeyValuePairs<String, String> = [:], usual: KeyValuePairs<String, String> = [:]
  ) {
    self.required = required.map { KeyValueList.Item(key: $0.key, value: $0.value) }
    self.usual = usual.map { KeyValueList.Item(key: $0.key, value: $0.value) }
  }
}

/// A format whose images a destination may refuse for more than their length.
package protocol DestinedDriver: FormatDriver {
  /// What keeps the image from being taken by a destination that takes some of its format: a line each.
  func deviations(from destination: Destination, _ node: Node) throws(BlockError) -> [String]
}

extension DriverKind {
  /// The creation options that users may state: the format's, and where the image is going, if anyone takes such images.
  package var statedOptions: OptionList {
    let takers = Destination.allCases.filter { $0.formats.contains(name) }.map(\.rawValue)
    guard !takers.isEmpty else { return creationOptions }
    return creationOptions.adding([
      OptionSpec(
        Destination.option, .string, "Where the image is going: \(takers.joined(separator: ", "))",
        values: takers)
    ])
  }

  /// The length of a new image's disk: what its format makes of the length that its destination asks for.
  ///
  /// - Throws: kind `tooLarge` where there is none as long.
  package func diskLength(_ size: UInt64, options: OptionObject) throws(BlockError) -> UInt64 {
    var size = size
    if let name = options[Destination.option]?.string {
      size = try Destination(name, format: self.name).length(size, format: self.name)
    }
    return try lengthOfNew(size, options: options)
  }
}

extension [any DriverKind] {
  /// The creation options that users may state for an image of a format: those that are stated of the format, and those of
  /// the file that it is made in. None where none are made.
  package func creationOptions(of kind: any DriverKind) -> OptionList {
    guard kind.makesImages else { return [] }
    var storage = first { $0.name == "file" }?.creationOptions.specs ?? []
    // How long a file of several images is follows from them.
    if kind is any BundlingKind { storage.removeAll { ["size", "preallocation"].contains($0.name) } }
    return kind.statedOptions.adding(OptionList(storage))
  }
}

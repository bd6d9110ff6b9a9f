// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors

/// Drivers that users know from elsewhere, and that there are none of here: each is refused by name, with what to do.
enum ForeignDrivers {
  /// What a driver is for.
  private enum Purpose {
    /// It serves a running virtual machine.
    case machine
    /// It reaches storage over a network.
    case network
    /// It makes a disk of something else.
    case device
  }

  private static let purposes: [String: Purpose] = [
    "replication": .machine, "snapshot-access": .machine, "blkreplay": .machine,
    "http": .network, "https": .network, "ftp": .network, "ftps": .network, "ssh": .network,
    "iscsi": .network, "iser": .network, "rbd": .network, "gluster": .network, "nfs": .network,
    "nvme": .device, "host_cdrom": .device, "vvfat": .device,
  ]

  /// The error for a driver that is asked for by `name`; nil where that is for the
  /// words that unknown names have.
  static func refusal(of name: String) -> BlockError? {
    guard let purpose = purposes[name] else { return nil }
    switch purpose {
    case .machine:
      return BlockError(
        .unsupported, "Driver '\(name)' is not supported: it serves a running virtual machine",
        advice: "Leave it out: name the image that stands below it.")
    case .network: return nil
    case .device:
      return BlockError(
        .unsupported, "Driver '\(name)' is not supported",
        advice: name == "host_cdrom" ? "Use host_device: a disc is read as any device." : nil)
    }
  }

  /// What users can do about storage whose names begin with `prefix`; nil where nobody has such.
  static func advice(ofProtocol prefix: String) -> Advice? {
    guard purposes[prefix] == .network else { return nil }
    return "Storage over \(prefix) is reached by way of an NBD server, such as nbdkit; name it as nbd://…"
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

public import Options

extension LuksHeader {
  /// The header as `info` shows it. The order of the keys is one that other programs compare against; what only
  /// version 2 has stands behind.
  public var description: OptionObject {
    let mode = self.mode.split(separator: "-", maxSplits: 1).map(String.init)
    let generator = (mode.count > 1 ? mode[1] : "").split(separator: ":", maxSplits: 1).map(String.init)
    var object: OptionObject = ["ivgen-alg": .string(generator.first ?? "")]
    if isDetached { object["detached-header"] = true }
    object["hash-alg"] = .string(hash)
    object["cipher-alg"] = .string("\(cipher)-\(keyBytes * 8 / (mode.first == "xts" ? 2 : 1))")
    object["uuid"] = .string(uuid)
    if generator.count > 1 { object["ivgen-hash-alg"] = .string(generator[1]) }
    object["cipher-mode"] = .string(mode.first ?? "")
    object["slots"] = .array(slots.map { .object($0.description(version: version)) })
    object["payload-offset"] = OptionTree(payloadOffset)
    object["master-key-iters"] = OptionTree(digestIterations)
    guard version > 1 else { return object }
    object["version"] = OptionTree(UInt64(version))
    object["sector-size"] = OptionTree(UInt64(sectorSize))
    if !label.isEmpty { object["label"] = .string(label) }
    return object
  }
}

extension LuksKeySlot {
  fileprivate func description(version: Int) -> OptionObject {
    var object: OptionObject = ["active": .bool(isActive)]
    if version > 1 { object["keyslot"] = OptionTree(UInt64(number)) }
    if isActive || version > 1 {
      switch derivation {
      case .pbkdf2(_, let iterations):
        if version > 1 { object["pbkdf"] = "pbkdf2" }
        object["iters"] = OptionTree(iterations)
      case .argon2(let name, let passes, let kibibytes, let threads):
        object["pbkdf"] = .string(name)
        object["passes"] = OptionTree(passes)
        object["memory"] = OptionTree(kibibytes)
        object["threads"] = OptionTree(threads)
      }
    }
    object["key-offset"] = OptionTree(area.lowerBound)
    if isActive { object["stripes"] = OptionTree(stripes) }
    return object
  }
}

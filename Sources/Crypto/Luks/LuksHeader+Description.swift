// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
package import Options

extension LuksHeader {
  /// The header as `info` shows it. The order of the keys is one that other programs compare against; keys of version 2
  /// alone stand behind.
  package var description: OptionObject {
    let name = try? CipherName(cipher: cipher, mode: mode)
    let chaining = name?.mode ?? ""
    var object: OptionObject = ["ivgen-alg": .string(name?.generator ?? "")]
    if isDetached { object["detached-header"] = true }
    object["hash-alg"] = .string(hash)
    object["cipher-alg"] = .string(
      "\(name?.algorithm ?? cipher)-\(keyBytes * 8 / (chaining == "xts" ? 2 : 1))")
    object["uuid"] = .string(uuid)
    if let hash = name?.generatorHash, name?.generator == "essiv" { object["ivgen-hash-alg"] = .string(hash) }
    object["cipher-mode"] = .string(chaining)
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
      case .other(let name): if !name.isEmpty { object["pbkdf"] = .string(name) }
      }
    }
    object["key-offset"] = OptionTree(area.lowerBound)
    if isActive, stripes > 0 { object["stripes"] = OptionTree(stripes) }
    if isActive, let flaw { object["unusable"] = .string(flaw.message) }
    return object
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

package import Errors

// Keys with dots name values inside values: `file.filename` is `filename` of the object `file`, and
// `children.0` the first element of the array `children`.

extension OptionObject {
  /// How deep keys with dots may lead.
  package static let maximumDepth = 64

  /// The value at a path such as `file.filename` or `children.0.driver`, where every step exists.
  ///
  /// A key that itself is written with the dots is found first.
  package func value(at path: String) -> OptionTree? {
    if let value = self[path] { return value }
    var here = OptionTree.object(self)
    for step in path.split(separator: ".", omittingEmptySubsequences: false) {
      switch here {
      case .object(let object):
        guard let next = object[String(step)] else { return nil }
        here = next
      case .array(let elements):
        guard let index = Int(step), elements.indices.contains(index) else { return nil }
        here = elements[index]
      case .list(let list):
        guard let index = Int(step), (0..<list.count).contains(index) else { return nil }
        here = list[index]
      default:
        return nil
      }
    }
    return here
  }

  /// Sets the value at a path of object keys, making objects on the way; what is no object there is replaced.
  package mutating func set(_ value: OptionTree, at path: String) {
    set(value, at: path.split(separator: ".", omittingEmptySubsequences: false)[...])
  }

  private mutating func set(_ value: OptionTree, at steps: ArraySlice<Substring>) {
    guard let first = steps.first else { return }
    let key = String(first)
    guard steps.count > 1 else {
      self[key] = value
      return
    }
    var inner = self[key]?.object ?? OptionObject()
    inner.set(value, at: steps.dropFirst())
    self[key] = .object(inner)
  }

  /// Every value that is no object or array, in order, under its path; empty objects and arrays stay values.
  ///
  /// A key may occur twice where the object mixes nested keys with keys written with dots.
  package func flattened() -> [Entry] {
    var result: [Entry] = []
    for entry in entries { OptionObject.flatten(entry.value, as: entry.key, into: &result) }
    return result
  }

  private static func flatten(_ value: OptionTree, as path: String, into result: inout [Entry]) {
    switch value {
    case .object(let object) where !object.isEmpty:
      for entry in object.entries { flatten(entry.value, as: path + "." + entry.key, into: &result) }
    case .array(let elements) where !elements.isEmpty:
      for (index, element) in elements.enumerated() {
        flatten(element, as: "\(path).\(index)", into: &result)
      }
    default:
      result.append(Entry(key: path, value: value))
    }
  }

  /// The same values with every key that is written with dots put where it leads.
  ///
  /// - Throws: as `nested`.
  package func normalized() throws(BlockError) -> OptionObject { try OptionObject.nested(flattened()) }

  /// Builds objects and arrays from values under paths with dots; steps that are numbers make arrays.
  ///
  /// Numbers that are not those of an array from 0 on stay names.
  ///
  /// - Throws: `invalidArgument` where a path has an empty step, is too deep or has a character that JSON cannot write
  ///   again, a value is given twice, or a name is used for a value and for an object; the message names the path.
  package static func nested(_ entries: [Entry]) throws(BlockError) -> OptionObject {
    var leaves: [Leaf] = []
    for entry in entries {
      let steps = entry.key.split(separator: ".", omittingEmptySubsequences: false)
      if steps.count > maximumDepth || (steps.count > 1 && steps.contains("")) {
        throw BlockError(.invalidArgument, "Invalid parameter '\(entry.key)'")
      }
      leaves.append(Leaf(steps: steps[...], value: entry.value))
    }
    return try nestedObject(leaves, prefix: "")
  }

  private struct Leaf {
    var steps: ArraySlice<Substring>
    var value: OptionTree
  }

  /// The leaves sorted by first step, in the order in which the steps first occur.
  private static func groups(_ leaves: [Leaf]) -> [(key: String, leaves: [Leaf])] {
    var groups: [(key: String, leaves: [Leaf])] = []
    var positions: [Substring: Int] = [:]
    for leaf in leaves {
      guard let step = leaf.steps.first else { continue }
      let rest = Leaf(steps: leaf.steps.dropFirst(), value: leaf.value)
      if let position = positions[step] {
        groups[position].leaves.append(rest)
      } else {
        positions[step] = groups.count
        groups.append((String(step), [rest]))
      }
    }
    return groups
  }

  private static func nestedObject(_ leaves: [Leaf], prefix: String) throws(BlockError) -> OptionObject {
    var object = OptionObject()
    for group in groups(leaves) {
      let path = prefix.isEmpty ? group.key : prefix + "." + group.key
      if let leaf = group.leaves.first(where: { $0.steps.isEmpty }) {
        guard group.leaves.count == 1 else {
          let isTwice = group.leaves.allSatisfy { $0.steps.isEmpty }
          throw isTwice
            ? BlockError(.invalidArgument, "Parameter '\(path)' is given more than once") : inconsistent(path)
        }
        object[group.key] = leaf.value
      } else {
        object[group.key] = arrayWhereNumbered(try nestedObject(group.leaves, prefix: path))
      }
    }
    return object
  }

  /// The object, or an array where its keys are the numbers from 0 on.
  private static func arrayWhereNumbered(_ object: OptionObject) -> OptionTree {
    var array: [OptionTree] = []
    for index in 0..<object.count {
      guard let element = object[String(index)] else { return .object(object) }
      array.append(element)
    }
    return array.isEmpty ? .object(object) : .array(array)
  }

  private static func inconsistent(_ path: String) -> BlockError {
    BlockError(.invalidArgument, "Parameters '\(path).*' used inconsistently")
  }
}

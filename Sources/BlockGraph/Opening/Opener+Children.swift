// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Errors
internal import Options

/// The children besides the file that only the user can name.
extension Opener {
  /// A child that is to be attached.
  struct StatedChild {
    var slot: EdgeSlot
    var role: EdgeRole
    var node: Node
    /// Whether it was opened for this node.
    var isOwn: Bool
  }

  /// Opens the children that the options name, in the order of the driver's declaration.
  func openChildren(
    _ kind: any DriverKind, _ options: inout OptionObject, _ flags: NodeFlags, _ settings: OpenSettings,
    above: [Layer]
  ) throws(BlockError) -> [StatedChild] {
    var children: [StatedChild] = []
    for option in kind.childOptions {
      for (slot, stated) in try takeChildren(option, &options) {
        let node: Node
        do throws(BlockError) {
          node = try openChild(option, slot, stated, flags, settings, above: above)
        } catch {
          throw option.failure.map { error.prefixed($0) } ?? error
        }
        children.append(
          StatedChild(slot: slot, role: option.role, node: node, isOwn: stated.string == nil))
      }
    }
    return children
  }

  private func takeChildren(_ option: ChildOption, _ options: inout OptionObject) throws(BlockError)
    -> [(EdgeSlot, OptionTree)]
  {
    let name = option.slot.rawValue
    guard let stated = options.remove(name) else {
      guard option.isRequired else { return [] }
      throw BlockError(.invalidArgument, "A block device must be specified for \"\(name)\"")
    }
    guard option.isList else { return [(option.slot, stated)] }
    guard case .array(let elements) = stated else {
      guard case .object(let object) = stated, !object.isEmpty else { return [] }
      throw BlockError(.invalidArgument, "Option \(name) is not a valid array")
    }
    return elements.enumerated().map { (option.slot.element($0), $1) }
  }

  private func openChild(
    _ option: ChildOption, _ slot: EdgeSlot, _ stated: OptionTree, _ flags: NodeFlags,
    _ settings: OpenSettings, above: [Layer]
  ) throws(BlockError) -> Node {
    let flags = flags.subtracting(.ofOneNode)
    if let name = stated.string { return try graph.knownNode(named: name) }
    guard var inner = stated.object else {
      throw BlockError(.invalidArgument, "A block device must be specified for \"\(slot.rawValue)\"")
    }
    let text = inner["filename"]?.string ?? slot.rawValue
    guard !option.isStorage else {
      var storage: OptionObject = ["file": stated]
      return try openFile(&storage, flags, settings, name: ImageName(path: text), above: above)
    }
    guard inner["driver"] != nil || inner["file"] != nil else {
      throw BlockError(.invalidArgument, "Must specify either driver or file")
    }
    var childFlags = flags
    if settings.flags.contains(.writable), try inner.bool("read-only") == false {
      childFlags.insert(.writable)
    }
    inner["filename"] = inner["driver"] == nil ? nil : inner["filename"]
    return try open(
      ImageName(options: inner, text: text),
      OpenSettings(flags: childFlags, followsBacking: settings.followsBacking), above: above)
  }
}

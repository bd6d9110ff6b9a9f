// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Host
internal import Options

/// A graph for people, for programs and for Graphviz.
struct GraphPicture {
  let dump: GraphDump

  init(_ dump: GraphDump) { self.dump = dump }

  // MARK: For people

  /// Users and nodes, each with its edges below.
  var text: String {
    var text = ""
    for user in dump.users { text += user + "\n" + edges(of: user) }
    for node in dump.nodes {
      text += "\(node.name): \(node.driver), '\(node.fileName)'\(list(", ", node.flags.names))\n"
      text += edges(of: GraphPicture.parent(node))
    }
    return text
  }

  private func edges(of parent: String) -> String {
    var text = ""
    for edge in dump.edges where edge.parent == parent {
      text += "    \(edge.slot) -> \(edge.child) (\(edge.role.names.joined(separator: ", ")))\n"
      text += "        holds:  \(names(edge.request.held))\n"
      text += "        shares: \(names(edge.request.shared))\n"
      if let job = edge.frozenBy { text += "        frozen by \(job)\n" }
    }
    return text
  }

  func names(_ permissions: Permissions) -> String {
    permissions.isEmpty ? "nothing" : permissions.names.joined(separator: ", ")
  }

  private func list(_ before: String, _ names: [String]) -> String {
    names.isEmpty ? "" : before + names.joined(separator: ", ")
  }

  /// How edges call a node that is their parent.
  static func parent(_ node: GraphDump.NodeEntry) -> String { "node '\(node.name)'" }

  // MARK: For programs

  /// Users, nodes and edges as objects.
  var tree: OptionTree {
    [
      "users": .array(dump.users.map { .string($0) }),
      "nodes": .array(dump.nodes.map(GraphPicture.tree)),
      "edges": .array(dump.edges.map(GraphPicture.tree)),
    ]
  }

  private static func tree(_ node: GraphDump.NodeEntry) -> OptionTree {
    [
      "name": .string(node.name), "driver": .string(node.driver), "filename": .string(node.fileName),
      "flags": strings(node.flags.names),
      "request-alignment": OptionTree(node.limits.requestAlignment),
      "max-transfer": OptionTree(node.limits.maximumTransfer),
      "cluster-size": OptionTree(node.limits.clusterSize),
    ]
  }

  private static func tree(_ edge: GraphDump.EdgeEntry) -> OptionTree {
    var object: OptionObject = [
      "parent": .string(edge.parent), "child": .string(edge.child), "slot": .string(edge.slot),
      "role": strings(edge.role.names), "held": strings(edge.request.held.names),
      "shared": strings(edge.request.shared.names),
    ]
    if let job = edge.frozenBy { object["frozen-by"] = .string(job) }
    return .object(object)
  }

  private static func strings(_ names: [String]) -> OptionTree { .array(names.map { .string($0) }) }

  // MARK: For Graphviz

  /// A directed graph, parents above.
  var dot: String {
    var text = "digraph strata {\n  node [shape=box, fontname=\"sans-serif\"];\n"
    for user in dump.users { text += "  \(quoted(user)) [shape=ellipse];\n" }
    for node in dump.nodes {
      let label = "\(node.name)\n\(node.driver)\n\(node.fileName)"
      text += "  \(quoted(GraphPicture.parent(node))) [label=\(quoted(label))];\n"
    }
    for edge in dump.edges {
      let label = """
        \(edge.slot): \(edge.role.names.joined(separator: ", "))
        holds \(names(edge.request.held))
        shares \(names(edge.request.shared))
        """
      text += "  \(quoted(edge.parent)) -> \(quoted("node '\(edge.child)'")) [label=\(quoted(label))];\n"
    }
    return text + "}\n"
  }

  private func quoted(_ text: String) -> String {
    var quoted = ""
    for scalar in text.shown.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return "\"\(quoted)\""
  }
}

extension NodeFlags {
  /// The names of the flags, in the order of the bits.
  fileprivate var names: [String] {
    let all: [(NodeFlags, String)] = [
      (.writable, "writable"), (.inactive, "inactive"), (.noIO, "no-io"), (.probed, "probed"),
      (.implicit, "implicit"), (.forceShare, "force-share"), (.direct, "direct"), (.noFlush, "no-flush"),
      (.writeThrough, "write-through"), (.checking, "checking"), (.repairing, "repairing"), (.unmap, "unmap"),
      (.storesZeroes, "stores-zeroes"),
    ]
    var names: [String] = []
    for (flag, name) in all where contains(flag) { names.append(name) }
    return names
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import Bytes

/// An element of an XML text, with all that it contains.
package struct XMLElement: Sendable {
  /// An attribute of an element; declarations of namespaces are none.
  package struct Attribute: Sendable {
    /// The local name.
    package let name: String
    /// The namespace that the name's prefix stands for; empty without a prefix.
    package let namespace: String
    /// The value, spelled as names of files are.
    package let value: String
  }

  /// The local name.
  package let name: String
  /// The namespace of the name; empty for none.
  package let namespace: String
  /// The attributes, in the order of the text.
  package let attributes: [Attribute]
  /// The elements inside, in the order of the text.
  package internal(set) var children: [XMLElement] = []
  /// The bytes of text inside, but not inside of children, in UTF-8.
  package internal(set) var content: [UInt8] = []

  /// The text inside, without blanks around it, spelled as names of files are.
  package var text: String {
    let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
    var rest = content.drop(while: isBlank)
    while let last = rest.last, isBlank(last) { rest.removeLast() }
    return String(spelling: rest)
  }

  /// The value of an attribute; nil where the element does not have it.
  ///
  /// - Parameter namespaces: those that the attribute's name may be of; nil for any or none.
  package func attribute(_ name: String, of namespaces: Set<String>? = nil) -> String? {
    attributes.first { $0.name == name && namespaces?.contains($0.namespace) != false }?.value
  }

  /// The first element inside that is called so; nil where there is none.
  package func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

  /// All elements inside that are called so.
  package func children(_ name: String) -> [XMLElement] { children.filter { $0.name == name } }
}

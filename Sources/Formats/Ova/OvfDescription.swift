// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

internal import BlockGraph
internal import Errors
internal import Options

/// The description of a new appliance: a virtual machine with disks (DSP0243 1.1).
struct OvfDescription {
  /// The image of a disk.
  struct Image {
    /// Bytes of its file.
    var bytes: UInt64
    /// Bytes of the disk that have data.
    var populated: UInt64
  }

  /// The controllers that disks hang on.
  enum Controller: String, CaseIterable {
    case lsilogic, sata

    /// The most controllers that a machine has.
    static let most = 4

    /// The places on a controller. One of SCSI's is the controller's own.
    var places: [Int] {
      switch self {
      case .lsilogic: (0..<16).filter { $0 != 7 }
      case .sata: Array(0..<30)
      }
    }
  }

  /// The numbers of processors that there are.
  static let processors: ClosedRange<UInt64> = 1...4096
  /// The sizes of memory that there are, in bytes.
  static let memory: ClosedRange<UInt64> = 1 << 20...(1 << 63) - (1 << 20)

  /// The name of the machine and of the description, without an ending; plain ASCII.
  let name: String
  private let lengths: [UInt64]
  private let controller: Controller
  private let processors: UInt64
  /// In bytes, whole MiB.
  private let memory: UInt64

  /// - Throws: kind `tooLarge` for more disks than a machine can have; the defect of the options.
  init(_ name: String, lengths: [UInt64], _ options: inout OptionObject) throws(BlockError) {
    self.name = name
    self.lengths = lengths
    let chosen = try options.takeString("controller") ?? Controller.lsilogic.rawValue
    guard let controller = Controller(rawValue: chosen) else {
      throw BlockError(.invalidArgument, "invalid parameter value: \(chosen)")
    }
    self.controller = controller
    let processors = try options.takeNumber("cpus") ?? 1
    guard let processors = UInt64(exactly: processors), OvfDescription.processors.contains(processors) else {
      throw BlockError(.invalidArgument, "Parameter 'cpus' expects a number from 1 to 4096")
    }
    self.processors = processors
    memory = try options.takeSize("memory") ?? 1 << 30
    guard OvfDescription.memory.contains(memory), memory % (1 << 20) == 0 else {
      throw BlockError(.invalidArgument, "Parameter 'memory' expects whole MiB")
    }
    let most = controller.places.count * Controller.most
    guard lengths.count <= most else {
      throw BlockError(.tooLarge, "an appliance has no more than \(most) disks")
    }
  }

  /// The file of a disk.
  func file(_ index: Int) -> String { "\(name)-disk\(index + 1).vmdk" }

  /// The adapter as a disk's own header states it.
  var adapterType: String { controller == .lsilogic ? "lsilogic" : "ide" }

  /// The whole text; ends with a line feed. Its length depends on the numbers' alone.
  func text(_ images: [Image]) -> String {
    var lines = [
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
      "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\" xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\"",
      "  xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData\"",
      "  xmlns:vssd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData\">",
      "  <References>",
    ]
    for (index, image) in images.enumerated() {
      lines.append(
        "    <File ovf:href=\"\(file(index))\" ovf:id=\"file\(index + 1)\" ovf:size=\"\(image.bytes)\"/>")
    }
    lines += ["  </References>", "  <DiskSection>", "    <Info>The virtual disks</Info>"]
    for (index, image) in images.enumerated() {
      lines.append(
        "    <Disk ovf:capacity=\"\(lengths[index])\" ovf:capacityAllocationUnits=\"byte\" "
          + "ovf:diskId=\"disk\(index + 1)\" ovf:fileRef=\"file\(index + 1)\" "
          + "ovf:format=\"http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized\" "
          + "ovf:populatedSize=\"\(image.populated)\"/>")
    }
    lines += [
      "  </DiskSection>", "  <VirtualSystem ovf:id=\"\(name)\">", "    <Info>A virtual machine</Info>",
      "    <Name>\(name)</Name>", "    <OperatingSystemSection ovf:id=\"1\">",
      "      <Info>The operating system is not known</Info>", "    </OperatingSystemSection>",
      "    <VirtualHardwareSection>", "      <Info>The virtual hardware</Info>", "      <System>",
      "        <vssd:ElementName>Virtual Hardware Family</vssd:ElementName>",
      "        <vssd:InstanceID>0</vssd:InstanceID>",
      "        <vssd:VirtualSystemIdentifier>\(name)</vssd:VirtualSystemIdentifier>",
      "        <vssd:VirtualSystemType>vmx-10</vssd:VirtualSystemType>", "      </System>",
    ]
    lines += hardware.flatMap(\.lines)
    lines += ["    </VirtualHardwareSection>", "  </VirtualSystem>", "</Envelope>"]
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: Hardware

  /// A piece of hardware: properties in the order of their names, as the schema wants them.
  private struct Item {
    var properties: [(String, String)]

    var lines: [String] {
      ["      <Item>"] + properties.map { "        <rasd:\($0)>\($1)</rasd:\($0)>" } + ["      </Item>"]
    }
  }

  private var hardware: [Item] {
    var items = [
      Item(properties: [
        ("AllocationUnits", "hertz * 10^6"), ("Description", "Number of virtual CPUs"),
        ("ElementName", "\(processors) virtual CPUs"), ("InstanceID", "1"), ("ResourceType", "3"),
        ("VirtualQuantity", "\(processors)"),
      ]),
      Item(properties: [
        ("AllocationUnits", "byte * 2^20"), ("Description", "Memory size"),
        ("ElementName", "\(memory >> 20) MiB of memory"),
        ("InstanceID", "2"), ("ResourceType", "4"), ("VirtualQuantity", "\(memory >> 20)"),
      ]),
    ]
    let places = controller.places
    var instance = 3
    var parent = 0
    for index in lengths.indices {
      if index % places.count == 0 {
        items.append(controllerItem(number: index / places.count, instance: instance))
        parent = instance
        instance += 1
      }
      items.append(
        Item(properties: [
          ("AddressOnParent", "\(places[index % places.count])"), ("ElementName", "Hard Disk \(index + 1)"),
          ("HostResource", "ovf:/disk/disk\(index + 1)"), ("InstanceID", "\(instance)"),
          ("Parent", "\(parent)"),
          ("ResourceType", "17"),
        ]))
      instance += 1
    }
    return items
  }

  private func controllerItem(number: Int, instance: Int) -> Item {
    let (kind, subtype, type) =
      controller == .lsilogic ? ("SCSI", "lsilogic", 6) : ("SATA", "vmware.sata.ahci", 20)
    return Item(properties: [
      ("Address", "\(number)"), ("Description", "\(kind) controller"),
      ("ElementName", "\(kind) Controller \(number)"),
      ("InstanceID", "\(instance)"), ("ResourceSubType", subtype), ("ResourceType", "\(type)"),
    ])
  }
}

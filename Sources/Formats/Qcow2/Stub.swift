public import BlockGraph
public import Errors
public struct Qcow2Format: DriverKind {
  public init() {}
  public var name: String { "qcow2" }
  public func open(_ request: inout OpenRequest) throws(BlockError) -> OpenedDriver { throw BlockError(.unsupported, "x") }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// A schema for descriptions of appliances as we write them, after the rules of DMTF's DSP0243 1.1: which elements there
/// are and in which order, which attributes they must have, that identifiers are unique and references lead to them.
/// Elements of hardware are told by name only, in the order of theirs as CIM_ResourceAllocationSettingData has it.
enum OvfSchema {
  static let text = #"""
    <?xml version="1.0" encoding="UTF-8"?>
    <xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"
      targetNamespace="http://schemas.dmtf.org/ovf/envelope/1" elementFormDefault="qualified"
      attributeFormDefault="qualified">
      <xs:simpleType name="Name"><xs:restriction base="xs:string"><xs:minLength value="1"/></xs:restriction></xs:simpleType>
      <xs:simpleType name="Unit">
        <xs:restriction base="xs:string"><xs:pattern value="byte( \* 2\^[0-9]+)?"/></xs:restriction>
      </xs:simpleType>
      <xs:element name="Envelope">
        <xs:complexType>
          <xs:sequence>
            <xs:element name="References">
              <xs:complexType>
                <xs:sequence>
                  <xs:element name="File" minOccurs="0" maxOccurs="unbounded">
                    <xs:complexType>
                      <xs:attribute name="id" type="ovf:Name" use="required"/>
                      <xs:attribute name="href" type="xs:anyURI" use="required"/>
                      <xs:attribute name="size" type="xs:unsignedLong"/>
                      <xs:attribute name="compression" type="xs:string"/>
                      <xs:attribute name="chunkSize" type="xs:positiveInteger"/>
                    </xs:complexType>
                  </xs:element>
                </xs:sequence>
              </xs:complexType>
            </xs:element>
            <xs:element name="DiskSection" minOccurs="0">
              <xs:complexType>
                <xs:sequence>
                  <xs:element name="Info" type="xs:string"/>
                  <xs:element name="Disk" minOccurs="0" maxOccurs="unbounded">
                    <xs:complexType>
                      <xs:attribute name="diskId" type="ovf:Name" use="required"/>
                      <xs:attribute name="fileRef" type="ovf:Name"/>
                      <xs:attribute name="capacity" type="xs:unsignedLong" use="required"/>
                      <xs:attribute name="capacityAllocationUnits" type="ovf:Unit" default="byte"/>
                      <xs:attribute name="format" type="xs:anyURI" use="required"/>
                      <xs:attribute name="populatedSize" type="xs:unsignedLong"/>
                      <xs:attribute name="parentRef" type="ovf:Name"/>
                    </xs:complexType>
                  </xs:element>
                </xs:sequence>
                <xs:attribute name="required" type="xs:boolean"/>
              </xs:complexType>
            </xs:element>
            <xs:element name="VirtualSystem">
              <xs:complexType>
                <xs:sequence>
                  <xs:element name="Info" type="xs:string"/>
                  <xs:element name="Name" type="xs:string" minOccurs="0"/>
                  <xs:element name="OperatingSystemSection" minOccurs="0">
                    <xs:complexType>
                      <xs:sequence>
                        <xs:element name="Info" type="xs:string"/>
                        <xs:element name="Description" type="xs:string" minOccurs="0"/>
                      </xs:sequence>
                      <xs:attribute name="id" type="xs:unsignedShort" use="required"/>
                    </xs:complexType>
                  </xs:element>
                  <xs:element name="VirtualHardwareSection">
                    <xs:complexType>
                      <xs:sequence>
                        <xs:element name="Info" type="xs:string"/>
                        <xs:element name="System" minOccurs="0" type="ovf:Properties"/>
                        <xs:element name="Item" maxOccurs="unbounded" type="ovf:Properties"/>
                      </xs:sequence>
                    </xs:complexType>
                  </xs:element>
                </xs:sequence>
                <xs:attribute name="id" type="ovf:Name" use="required"/>
              </xs:complexType>
            </xs:element>
          </xs:sequence>
        </xs:complexType>
        <xs:key name="files"><xs:selector xpath="ovf:References/ovf:File"/><xs:field xpath="@ovf:id"/></xs:key>
        <xs:unique name="names"><xs:selector xpath="ovf:References/ovf:File"/><xs:field xpath="@ovf:href"/></xs:unique>
        <xs:key name="disks"><xs:selector xpath="ovf:DiskSection/ovf:Disk"/><xs:field xpath="@ovf:diskId"/></xs:key>
        <xs:keyref name="file" refer="ovf:files">
          <xs:selector xpath="ovf:DiskSection/ovf:Disk"/><xs:field xpath="@ovf:fileRef"/>
        </xs:keyref>
        <xs:keyref name="parent" refer="ovf:disks">
          <xs:selector xpath="ovf:DiskSection/ovf:Disk"/><xs:field xpath="@ovf:parentRef"/>
        </xs:keyref>
      </xs:element>
      <xs:complexType name="Properties">
        <xs:sequence>
          <xs:any namespace="##other" processContents="lax" minOccurs="1" maxOccurs="unbounded"/>
        </xs:sequence>
      </xs:complexType>
    </xs:schema>
    """#
}

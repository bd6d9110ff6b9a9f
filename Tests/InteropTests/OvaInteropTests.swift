// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Appliances that other programs packed are read by us, and ours by them.
@Suite struct OvaInteropTests {
  /// `pack ARCHIVE FILE…` makes an archive with GNU tar; `ovf NAME [FILE [FORMAT]]…` a description of disks.
  static let words = #"""
    set -e
    pack() { local archive=$1; shift; tar --format=ustar -cf "$archive" "$@"; }
    ovf() {
      local name=$1 files='' disks='' number=0; shift
      while [ $# -gt 0 ]; do
        number=$((number + 1))
        files+="<File ovf:href=\"$1\" ovf:id=\"f$number\"/>"
        disks+="<Disk ovf:capacity=\"1\" ovf:diskId=\"d$number\" ovf:fileRef=\"f$number\" ovf:format=\"http://x/${2-vmdk.html#streamOptimized}\"/>"
        shift; [ $# = 0 ] || shift
      done
      printf '<?xml version="1.0"?><ovf:Envelope xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1"><ovf:References>%s</ovf:References><ovf:DiskSection><ovf:Info/>%s</ovf:DiskSection></ovf:Envelope>' \
        "${files//<File/<ovf:File}" "${disks//<Disk/<ovf:Disk}" > $name
    }

    """#

  private func run(_ script: String, _ arguments: String..., seeds: [UInt64] = [71]) throws -> Shell.Outcome {
    let folder = TemporaryFolder()
    for (number, seed) in seeds.enumerated() {
      try SampleDisk.write(
        folder.file("disk\(number + 1).raw"), length: 3 << 20 | UInt64(number) << 19, seed: seed)
    }
    return Shell.run(
      OvaInteropTests.words + script, arguments: [Programs.strata] + arguments, folder: folder.path)
  }

  @Test(
    "a disk of any format is read where it stands, whoever packed it",
    arguments: ["ustar", "gnu", "pax"], ["vmdk", "qcow2", "vpc", "vdi", "raw"])
  func formats(_ dialect: String, _ format: String) throws {
    let outcome = try run(
      #"""
      options=; [ $3 != vmdk ] || options='-o subformat=streamOptimized'; [ $3 != vpc ] || options='-o force_size=on'
      qemu-img convert -f raw -O $3 $options disk1.raw disk.img
      # A disk that is raw has a format that nobody knows.
      format=$3; [ $3 != raw ] || format=unknown
      ovf a.ovf disk.img "$format"
      sha256sum --tag a.ovf disk.img | sed 's/ (/(/; s/) = /)= /' > a.mf
      tar --format=$2 -cf a.ova a.ovf a.mf disk.img
      "$1" compare -q -f raw disk1.raw a.ova
      "$1" convert -O raw a.ova out.raw && cmp disk1.raw out.raw
      "$1" convert -O qcow2 --disk 1 a.ova out.qcow2 && qemu-img compare -q -f raw disk1.raw out.qcow2
      diff <("$1" checksum a.ova | cut -d ' ' -f 1) <("$1" checksum -f raw disk1.raw | cut -d ' ' -f 1)
      "$1" measure -O raw a.ova | diff - <("$1" measure -O raw -f $3 disk.img)
      "$1" map --output=json a.ova >/dev/null
      "$1" map a.ova >/dev/null 2>&1 || [ $3 = vmdk ]
      "$1" info a.ova | sed -n '2,3p'
      "$1" inspect a.ova | sed -n '2,3p'
      # The same by hand: the disk's bytes in the archive.
      start=$(python3 -c 'import tarfile, sys; print(tarfile.open(sys.argv[1]).getmember("disk.img").offset_data)' a.ova)
      size=$(stat -c %s disk.img)
      "$1" compare -q -f raw disk1.raw "json:{\"driver\":\"$3\",\"file\":{\"driver\":\"raw\",\"offset\":$start,\"size\":$size,\"file\":{\"driver\":\"file\",\"filename\":\"a.ova\"}}}"
      "$1" compare -q --image-opts driver=raw,file.filename=disk1.raw driver=ova,disk=d1,file.filename=a.ova
      """#, dialect, format)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: "file format: ova\nvirtual size: 3 MiB (3145728 bytes)\nverdict: safe\nformat: ova\n"))
  }

  @Test("of several disks, one is chosen, and without a choice they are listed")
  func several() throws {
    let outcome = try run(
      #"""
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk1.raw system.vmdk
      qemu-img convert -f raw -O qcow2 disk2.raw data.img
      ovf a.ovf system.vmdk vmdk data.img qcow2
      pack a.ova a.ovf system.vmdk data.img
      for disk in 2 d2 data.img; do
        "$1" compare -q -f raw --b-disk $disk disk2.raw a.ova
        "$1" convert --disk=$disk -O raw a.ova out.raw; cmp disk2.raw out.raw
      done
      "$1" compare --disk 1 -F raw a.ova disk1.raw
      "$1" info a.ova | sed -n '3p'
      "$1" info --disk 2 a.ova | sed -n '3p'
      "$1" info --output=json a.ova | python3 -c 'import json, sys; print([(d["id"], d["format"], d["virtual-size"]) for d in json.load(sys.stdin)["format-specific"]["data"]["disks"]])'
      "$1" inspect a.ova | grep -c '^note: disk [12]: '
      set +e
      for command in 'convert -O qcow2 a.ova none' 'checksum a.ova' 'map a.ova' 'measure -O raw a.ova' 'compare a.ova a.ova'; do
        "$1" $command
      done 2>&1 | sort | uniq -c | sed 's/^ *//'
      ls none 2>&1 | grep -c 'No such'
      "$1" info --disk 3 a.ova
      "$1" info --disk 1 data.img
      """#, seeds: [72, 73])
    #expect(
      outcome.output == """
        Images are identical.
        virtual size: 6.5 MiB (6815744 bytes)
        virtual size: 3.5 MiB (3670016 bytes)
        [('d1', 'vmdk', 3145728), ('d2', 'qcow2', 3670016)]
        2
        5 strata: Could not open 'a.ova': there are 2 disks in it: 1 'system.vmdk' (1 B), 2 'data.img' (1 B)
        5 strata: hint: Choose one by its number or name: with --disk, or as 'json:{"disk": "1", "file.filename": "a.ova"}' in place of the file's name.
        1
        strata: Could not open 'a.ova': there is no disk '3'
        strata: hint: There is: 1 'system.vmdk' (1 B), 2 'data.img' (1 B).
        strata: Could not open 'data.img': Block format 'qcow2' does not support the option 'disk'
        strata: hint: An option to choose a disk is for appliances (OVA, OVF); this is one disk.

        """)
  }

  @Test(
    "digests are held against the files before a target gets its name",
    arguments: ["sha1", "sha256", "sha512"], ["%s(%s)= %s\n", "%s (%s) = %s\n", "%s(%s)=%s\r\n"])
  func digests(_ algorithm: String, _ spelling: String) throws {
    let outcome = try run(
      #"""
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk1.raw a.vmdk
      ovf a.ovf a.vmdk
      for file in a.ovf a.vmdk; do
        printf "$3" ${2^^} $file $(${2}sum $file | cut -d ' ' -f 1)
      done > a.mf
      pack good.ova a.ovf a.mf a.vmdk
      # After the last byte that a reader of the disk looks at.
      printf x >> a.vmdk
      pack long.ova a.ovf a.mf a.vmdk
      truncate -s -1 a.vmdk
      sed 's/<ovf:Info/& /' a.ovf > b && mv b a.ovf
      pack other.ova a.ovf a.mf a.vmdk
      sed -i 2d a.mf
      pack none.ova a.mf a.ovf a.vmdk 2>/dev/null
      "$1" convert -O raw good.ova out.raw; cmp disk1.raw out.raw
      rm out.raw
      "$1" checksum good.ova | wc -l
      set +e
      for name in long other; do
        "$1" convert -O raw $name.ova out.raw 2>&1 | head -n 1
        [ ! -e out.raw ] || echo written
        "$1" checksum $name.ova 2>&1 | head -n 1
        "$1" convert --no-verify -O raw $name.ova out.raw && cmp disk1.raw out.raw && rm out.raw
        "$1" checksum --no-verify $name.ova | wc -l
        "$1" info $name.ova | grep -c 'file format: ova'
      done
      """#, algorithm, spelling)
    let name = algorithm.uppercased()
    func told(_ file: String, in archive: String) -> String {
      "strata: '\(archive).ova' is damaged: '\(file)' is not what the manifest says: its \(name) differs\n"
    }
    #expect(
      outcome.output == "1\n" + told("a.vmdk", in: "long") + told("a.vmdk", in: "long") + "1\n1\n"
        + told("a.ovf", in: "other") + told("a.ovf", in: "other")
        + "1\n1\n")
  }

  @Test("files beside a description are read like members, and others are not")
  func folder() throws {
    let outcome = try run(
      #"""
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk1.raw 'my disk.vmdk'
      ovf a.ovf 'my%20disk.vmdk'
      "$1" compare -q -f raw disk1.raw a.ovf
      for file in a.ovf 'my disk.vmdk'; do printf 'SHA256(%s)= %s\n' "$file" $(sha256sum "$file" | cut -d ' ' -f 1); done > a.mf
      "$1" convert -O raw a.ovf out.raw; cmp disk1.raw out.raw
      "$1" info a.ovf | sed -n '2,3p'
      sed -i 's/= ./= x/' a.mf
      set +e
      "$1" info a.ovf 2>&1 | head -n 1
      sed -i 's/= x/= 0/; s/^SHA256(a.*//' a.mf
      "$1" convert -O raw a.ovf bad.raw 2>&1 | head -n 1
      rm a.mf
      for name in ../out.raw http://192.0.2.1/x /etc/hostname link.vmdk missing.vmdk; do
        ln -sf 'my disk.vmdk' link.vmdk
        ovf b.ovf $name
        timeout 10 "$1" info b.ovf 2>&1 | grep -v hint
      done
      "$1" info --untrusted a.ovf 2>&1 | grep -c 'which is not followed'
      """#)
    #expect(
      outcome.output == """
        file format: ovf
        virtual size: 3 MiB (3145728 bytes)
        image: a.ovf
        strata: 'a.ovf' is damaged: 'my disk.vmdk' is not what the manifest says: its SHA256 differs
        strata: Could not open 'b.ovf': the file '../out.raw' is not beside the description: it is not followed
        strata: Could not open 'b.ovf': the file 'http://192.0.2.1/x' is not beside the description: it is not followed
        strata: Could not open 'b.ovf': the file '/etc/hostname' is not beside the description: it is not followed
        strata: Could not open 'b.ovf': 'b.ovf' names 'link.vmdk': only files in the image's own folder may be named here, and 'link.vmdk' is a symbolic link
        strata: Could not open 'b.ovf': Could not open 'missing.vmdk': No such file or directory
        1

        """)
  }

  @Test("archives in another order, without digests, in parts and with a large size field are read")
  func variants() throws {
    let outcome = try run(
      #"""
      qemu-img convert -f raw -O vmdk -o subformat=streamOptimized disk1.raw a.vmdk
      ovf a.ovf a.vmdk
      pack late.ova a.vmdk a.ovf
      "$1" compare -f raw -F ova disk1.raw late.ova
      split -b 1M -d -a 9 a.vmdk a.vmdk.
      sed "s/a.vmdk\"/& ovf:size=\"$(stat -c %s a.vmdk)\" ovf:chunkSize=\"1048576\"/" a.ovf > parts.ovf
      pack parts.ova parts.ovf a.vmdk.0*
      "$1" compare -q -f raw disk1.raw parts.ova
      "$1" convert -O raw parts.ova out.raw; cmp disk1.raw out.raw
      python3 - <<'END'
      import tarfile
      for name, form in (('gnu.ova', tarfile.GNU_FORMAT), ('pax.ova', tarfile.PAX_FORMAT)):
          with tarfile.open(name, 'w', format=form) as archive:
              archive.add('a.ovf')
              member = archive.gettarinfo('a.vmdk')
              if form == tarfile.PAX_FORMAT:
                  member.pax_headers = {'comment': 'x', 'path': 'a.vmdk', 'size': str(member.size)}
              archive.addfile(member, open('a.vmdk', 'rb'))
      data = bytearray(open('gnu.ova', 'rb').read())
      place = 512 + (len(open('a.ovf', 'rb').read()) + 511) // 512 * 512
      size = len(open('a.vmdk', 'rb').read())
      data[place + 124:place + 136] = b'\x80' + size.to_bytes(11, 'big')
      data[place + 148:place + 156] = b' ' * 8
      data[place + 148:place + 156] = b'%06o\0 ' % sum(data[place:place + 512])
      open('large.ova', 'wb').write(data)
      END
      for name in gnu pax large; do tar tf $name.ova | wc -l; "$1" compare -q -f raw disk1.raw $name.ova; done
      # The bytes of an archive that is said to be raw.
      "$1" convert -f raw -O raw a.ova out.raw 2>/dev/null || "$1" convert -f raw -O raw gnu.ova out.raw
      cmp gnu.ova <(head -c $(stat -c %s gnu.ova) out.raw)
      """#)
    #expect(
      outcome.output == """
        strata: warning: 'late.ova': 'a.ovf' is not the first member of the archive, which other programs insist on
        Images are identical.
        2
        2
        2

        """)
  }

  @Test(
    "files that are compressed with gzip, and files in parts, are read in an archive and beside a description",
    arguments: ["vmdk", "raw"])
  func packed(_ format: String) throws {
    let outcome = try run(
      #"""
      mkdir tmp; export TMPDIR=$PWD/tmp
      qemu-img convert -f raw -O $2 disk1.raw disk.img
      head -c 1M disk.img | gzip -c > packed.img; tail -c +1048577 disk.img | gzip -1 -c >> packed.img
      ovf a.ovf packed.img $2
      name=packed.img; [ $2 = vmdk ] || sed -i 's/format="[^"]*"/format="x"/' a.ovf
      sed -i 's/capacity="1"/capacity="3145728"/; s/packed.img"/& ovf:compression="gzip"/' a.ovf
      digests() { for file; do printf 'SHA256(%s)= %s\n' $file $(sha256sum $file | cut -d ' ' -f 1); done; }
      digests a.ovf packed.img > a.mf
      split -b 100K -d -a 9 packed.img packed.img.
      sed "s/packed.img\"/& ovf:size=\"$(stat -c %s packed.img)\" ovf:chunkSize=\"102400\"/" a.ovf > parts.ovf
      digests parts.ovf packed.img.0* > parts.mf
      split -b 100K -d -a 9 disk.img plain.img.
      sed "s/packed.img\"/plain.img\" ovf:size=\"$(stat -c %s disk.img)\" ovf:chunkSize=\"102400\"/; s/ovf:compression=\"gzip\"//" a.ovf > plain.ovf
      pack a.ova a.ovf a.mf packed.img
      pack parts.ova parts.ovf parts.mf packed.img.0*
      pack plain.ova plain.ovf plain.img.0*
      for name in a parts plain; do
        for kind in ova ovf; do
          "$1" compare -q -F raw $name.$kind disk1.raw || echo $name.$kind differs
          "$1" convert -O raw $name.$kind out.raw && cmp out.raw disk1.raw
        done
      done
      "$1" info a.ova | sed -n 3p
      ls -A tmp
      set +e
      told() { "$1" convert -O raw $2 none 2>&1 | head -n 1 | sed -E 's/\b[0-9]{7}\b/N/g'; ls none 2>/dev/null; }
      # A part that is another one, of another length, or missing.
      printf x | dd of=packed.img.000000001 bs=1 seek=50000 conv=notrunc status=none
      told "$1" parts.ovf
      printf x >> plain.img.000000001; told "$1" plain.ovf
      rm plain.img.000000001; told "$1" plain.ovf
      head -c -5 packed.img > b; mv b packed.img; rm a.mf; told "$1" a.ovf
      printf 'no gzip at all' > packed.img; told "$1" a.ovf
      (gzip -c disk.img; echo more) > packed.img; told "$1" a.ovf
      # More than the disk can be.
      truncate -s 100M large; gzip -c large > packed.img; told "$1" a.ovf
      ls -A tmp
      TMPDIR=$PWD/missing "$1" info a.ovf > /dev/null 2>&1 || echo failed
      """#, format)
    #expect(
      outcome.output == """
        virtual size: 3 MiB (3145728 bytes)
        strata: Could not open 'parts.ovf': the file 'packed.img': compressed data is damaged (wrong checksum)
        strata: Could not open 'plain.ovf': Could not open disks.0 file: the parts of the file 'plain.img' have N bytes together, not N
        strata: Could not open 'plain.ovf': Could not open 'plain.img.000000001': No such file or directory
        strata: Could not open 'a.ovf': the file 'packed.img': compressed data ends too early (N bytes are good)
        strata: Could not open 'a.ovf': the file 'packed.img': compressed data is damaged (no gzip header)
        strata: Could not open 'a.ovf': the file 'packed.img': compressed data is followed by something else
        strata: Could not open 'a.ovf': the file 'packed.img': it holds more than 70451200 bytes, which no disk of that capacity has
        failed

        """)
  }

  @Test("disks in an archive lead nowhere, and are what the description says")
  func alone() throws {
    let outcome = try run(
      #"""
      qemu-img create -q -f qcow2 -b disk1.raw -F raw a.vmdk
      ovf a.ovf a.vmdk qcow2
      pack backing.ova a.ovf a.vmdk
      qemu-img create -q -f qcow2 a.vmdk 1M
      pack good.ova a.ovf a.vmdk
      qemu-img create -q -f qcow2 -o data_file=data.raw a.vmdk 1M
      pack data.ova a.ovf a.vmdk
      qemu-img convert -f raw -O vmdk -o subformat=monolithicFlat disk1.raw flat.vmdk
      ovf a.ovf flat.vmdk
      pack flat.ova a.ovf flat.vmdk flat-flat.vmdk
      ovf a.ovf a.vmdk
      printf 'KDMX%01020d' 0 > a.vmdk
      pack damaged.ova a.ovf a.vmdk
      ovf a.ovf good.ova unknown
      pack nested.ova a.ovf good.ova
      set +e
      for name in backing data flat damaged nested; do "$1" convert -O raw $name.ova out 2>&1 | grep -v hint; done
      ls out 2>&1 | grep -c 'No such'
      "$1" resize gone.ova 1M 2>/dev/null
      cp damaged.ova x.ova
      "$1" resize -f ova backing.ova 8M 2>&1 | head -n 1
      """#)
    #expect(
      outcome.output == """
        strata: Could not open 'backing.ova': Could not open backing file: a disk inside of 'backing.ova' names the backing file 'disk1.raw', which is not followed
        strata: Could not open 'data.ova': a disk inside of 'data.ova' names the data file 'data.raw', which is not followed
        strata: Could not open 'flat.ova': a disk inside of 'flat.ova' names the extents.0 file 'flat-flat.vmdk', which is not followed
        strata: Could not open 'damaged.ova': Could not open disks.0 file: 'a.vmdk' is no image of the format vmdk, as the description has it
        strata: Could not open 'nested.ova': Could not open disks.0 file: 'good.ova' is an appliance itself
        1
        strata: Could not open 'backing.ova': the disks of an appliance are only read

        """)
  }

  // MARK: Ours

  /// Reads an archive with other programs and holds all of it against what it should be.
  private static let examination = #"""
    import hashlib, sys, tarfile, xml.etree.ElementTree as tree
    archive = tarfile.open(sys.argv[1], 'r:')
    members = archive.getmembers()
    names = [m.name for m in members]
    stem = names[0][:-4]
    assert names[:2] == [stem + '.ovf', stem + '.mf'], names
    assert all(m.type == tarfile.REGTYPE and m.mode == 0o644 and not m.pax_headers for m in members)
    content = {m.name: archive.extractfile(m).read() for m in members}
    function = sys.argv[2]
    lines = [f'{function.upper()}({n})= {hashlib.new(function, content[n]).hexdigest()}\n' for n in [names[0]] + names[2:]]
    assert content[names[1]].decode() == ''.join(lines), content[names[1]]
    root = tree.fromstring(content[names[0]])
    ovf = '{http://schemas.dmtf.org/ovf/envelope/1}'
    rasd = '{http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData}'
    assert root.tag == ovf + 'Envelope'
    assert [e.tag for e in root] == [ovf + t for t in ('References', 'DiskSection', 'VirtualSystem')]
    files = {f.get(ovf + 'id'): f for f in root.iter(ovf + 'File')}
    assert [f.get(ovf + 'href') for f in files.values()] == names[2:]
    for f in files.values(): assert int(f.get(ovf + 'size')) == len(content[f.get(ovf + 'href')])
    disks = list(root.iter(ovf + 'Disk'))
    for disk in disks:
        assert disk.get(ovf + 'format').endswith('vmdk.html#streamOptimized')
        assert disk.get(ovf + 'capacityAllocationUnits') == 'byte'
        assert 0 <= int(disk.get(ovf + 'populatedSize')) <= (int(disk.get(ovf + 'capacity')) + 65535) // 65536 * 65536
    items = list(root.iter(ovf + 'Item'))
    for item in items:
        order = [e.tag for e in item]
        assert order == sorted(order)
    ids = [i.findtext(rasd + 'InstanceID') for i in items]
    assert len(ids) == len(set(ids))
    kinds = [i.findtext(rasd + 'ResourceType') for i in items]
    assert kinds.count('3') == kinds.count('4') == 1 and kinds.count('17') == len(disks)
    controllers = {i.findtext(rasd + 'InstanceID') for i in items if i.findtext(rasd + 'ResourceType') in ('6', '20')}
    places = [(i.findtext(rasd + 'Parent'), i.findtext(rasd + 'AddressOnParent')) for i in items if i.findtext(rasd + 'ResourceType') == '17']
    assert all(p in controllers for p, _ in places) and len(places) == len(set(places))
    for item in items:
        host = item.findtext(rasd + 'HostResource')
        assert host is None or host[len('ovf:/disk/'):] in [d.get(ovf + 'diskId') for d in disks]
    print(' '.join(names), *[d.get(ovf + 'capacity') for d in disks])
    for n in names: open(n, 'wb').write(content[n])
    """#

  @Test(
    "an appliance of ours is what the specification says, and what others read from it is what went in",
    arguments: ["sha256", "sha1", "sha512"], ["lsilogic", "sata"])
  func ours(_ digest: String, _ controller: String) throws {
    let outcome = try run(
      #"""
      qemu-img convert -f raw -O qcow2 disk2.raw data.qcow2
      "$1" convert -O ova -o digest=$2,controller=$3,cpus=2,memory=512M disk1.raw data.qcow2 'my appliance.ova'
      mkdir x; cd x
      mv ../my*.ova a.ova
      python3 -c "$4" a.ova $2
      tar tf a.ova | wc -l
      7zz l -slt a.ova | grep -c '^Path = my_appliance'
      xmllint --noout my_appliance.ovf
      printf '%s' "$5" > ../schema
      xmllint --noout --schema ../schema my_appliance.ovf 2>&1 | grep -v ' validates$' || true
      qemu-img compare -q -f vmdk -F raw my_appliance-disk1.vmdk ../disk1.raw
      qemu-img compare -q -f vmdk -F raw my_appliance-disk2.vmdk ../disk2.raw
      grep -ac 'RW .* SPARSE "my_appliance-disk2.vmdk"' my_appliance-disk2.vmdk
      tail -c 1024 a.ova | cmp - <(head -c 1024 /dev/zero)
      "$1" compare -q --disk 1 -F raw a.ova ../disk1.raw
      "$1" compare -q --disk 2 -F raw a.ova ../disk2.raw
      "$1" convert --disk 2 -O raw a.ova out.raw; cmp out.raw ../disk2.raw
      "$1" compare -q -F raw my_appliance.ovf ../disk1.raw 2>/dev/null || "$1" compare -q --disk 1 -F raw my_appliance.ovf ../disk1.raw
      "$1" inspect a.ova | sed -n 2p
      """#, digest, controller, OvaInteropTests.examination, OvfSchema.text, seeds: [74, 75])
    #expect(
      outcome.output == """
        my_appliance.ovf my_appliance.mf my_appliance-disk1.vmdk my_appliance-disk2.vmdk 3145728 3670016
        4
        4
        1
        verdict: safe

        """)
  }

  @Test(
    "the schema refuses what the specification does not allow",
    arguments: [
      "s/<Info>The virtual disks<.Info>//", "s/ovf:fileRef=\"file1\"/ovf:fileRef=\"file9\"/",
      "s/ovf:diskId=\"disk1\"//",
      "s/ovf:id=\"file1\"//", "s/ovf:href=\"[^\"]*\"//", "s/ovf:format=\"[^\"]*\"//",
      "s/<Name>.*//; s/<Info>A virtual.*/<Name>x<\\/Name>&/",
      "/<DiskSection>/,/<.DiskSection>/d; s/<.VirtualSystem>/&<DiskSection><Info\\/><\\/DiskSection>/",
      "s/capacity=\"3145728\"/capacity=\"-1\"/",
    ])
  func schema(_ change: String) throws {
    let outcome = try run(
      #"""
      "$1" convert -f raw -O ova disk1.raw a.ova
      tar xf a.ova a.ovf
      printf '%s' "$3" > schema
      xmllint --noout --schema schema a.ovf 2>&1 | grep -c ' validates$'
      sed "$2" a.ovf > b.ovf
      ! cmp -s a.ovf b.ovf
      xmllint --noout --schema schema b.ovf 2>&1 | grep -c ' fails to validate$'
      """#, change, OvfSchema.text)
    #expect(outcome == Shell.Outcome(status: 0, output: "1\n1\n"))
  }

  @Test("an empty disk, one that is no whole sectors, and 60 of them")
  func edges() throws {
    let outcome = try run(
      #"""
      truncate -s 1000 odd.raw; truncate -s 3G empty.raw
      "$1" convert --verify -f raw -O ova odd.raw empty.raw a.ova
      python3 -c "$2" a.ova sha256
      "$1" compare -q --disk 2 -F raw a.ova empty.raw
      "$1" convert -f raw -O ova $(yes odd.raw | head -n 60) many.ova
      python3 -c "$2" many.ova sha256 | wc -w
      "$1" convert -f raw -O ova $(yes odd.raw | head -n 61) many.ova 2>&1 | head -n 1
      "$1" convert -n -O ova odd.raw many.ova 2>&1 | head -n 1
      "$1" convert -O ova -o digest=md5 odd.raw x.ova 2>&1 | head -n 1
      "$1" create -f ova x.ova 1M 2>&1 >/dev/null | head -n 1
      ls x.ova 2>&1 | grep -c 'No such'
      """#, OvaInteropTests.examination)
    #expect(
      outcome.output == """
        a.ovf a.mf a-disk1.vmdk a-disk2.vmdk 1024 3221225472
        122
        strata: many.ova: error while converting ova: an appliance has no more than 60 disks
        strata: -n cannot be used with the format 'ova'
        strata: x.ova: error while converting ova: invalid parameter value: md5
        strata: x.ova: Format driver 'ova' does not support image creation
        1

        """)
  }

  @Test("a failed, a broken off and a killed conversion leave what was there before")
  func unfinished() throws {
    let outcome = try run(
      #"""
      echo before > a.ova
      head -c 100M /dev/urandom > big.raw
      "$1" convert -f raw -O ova -r 1M big.raw a.ova 2>/dev/null &
      sleep 1; kill -KILL $!; wait $! 2>/dev/null || true
      "$1" convert -f raw -O ova -r 1M big.raw a.ova 2>/dev/null &
      sleep 1; kill -TERM $!; wait $! && echo succeeded
      (ulimit -f 1024; "$1" convert -f raw -O ova big.raw a.ova 2>&1 | grep -c 'File too large') || true
      cat a.ova
      rm a.ova
      "$1" convert -f raw -O ova disk1.raw missing.raw a.ova 2>/dev/null || echo failed
      ls
      """#)
    #expect(outcome.output == "1\nbefore\nfailed\nbig.raw\ndisk1.raw\n")
  }
}

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Changing keys and creation options by the program, with the peers as judges.
@Suite struct AmendInteropTests {
  private let folder = TemporaryFolder()

  /// `image` is a LUKS image with the secret `alpha`, of which `before.raw` is the content; `$S` defines secrets.
  private static let prelude = """
    set -e
    strata() { "$1" "${@:2}"; }
    S='--object secret,id=a,data=alpha --object secret,id=b,data=beta --object secret,id=c,data=gamma'
    printf alpha >alpha; printf beta >beta; printf gamma >gamma
    fill() { head -c 300000 /dev/zero | tr '\\0' "$2" >"$1"; truncate -s 1M "$1"; }
    fill before.raw x
    make() { "$P" convert $S -f raw -O luks -o key-secret=a,iter-time=10 before.raw image; }
    opens() { cryptsetup open --test-passphrase --key-file "$1" image 2>/dev/null; }
    whole() { "$P" convert $S --image-opts -O raw driver=luks,key-secret=$1,file.filename=image after.raw && cmp before.raw after.raw; }
    refused() { local status=0; "$@" >said 2>&1 || status=$?; grep -v '^strata: hint: ' said; [ $status = 1 ]; }

    """

  private func run(_ script: String, expecting output: String = "") {
    let outcome = Shell.run(
      "P=$1\n" + AmendInteropTests.prelude + script, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: output))
  }

  @Test("A-01 keys change while the format is open for reading and its file alone can be written")
  func readOnlyFormat() {
    run(
      """
      make
      "$P" amend $S -o state=active,new-secret=b,iter-time=10 --image-opts \
        driver=luks,key-secret=a,read-only=on,file.driver=file,file.filename=image,file.read-only=off
      opens alpha; opens beta; whole a; whole b
      """)
  }

  @Test("A-04 a wrong old secret, or no free slot, is what is told; the image is as before")
  func wrongSecret() {
    run(
      """
      make
      cp image copy
      refused "$P" amend $S -o state=inactive,old-secret=b --image-opts driver=luks,key-secret=a,file.filename=image
      refused "$P" amend $S -o state=active,new-secret=b --image-opts driver=luks,key-secret=b,file.filename=image
      cmp image copy
      for slot in 1 2 3 4 5 6 7; do "$P" luks add-key --key-file alpha --new-key-file beta --iter-time 10 image; done
      refused "$P" amend $S -o state=active,new-secret=c --image-opts driver=luks,key-secret=a,file.filename=image
      "$P" info image >/dev/null
      whole a
      """,
      expecting: """
        strata: 'image': No keyslots match given (old) password for erase operation
        strata: Could not open 'driver=luks,key-secret=b,file.filename=image': Invalid password, cannot unlock any keyslot
        strata: 'image': Can't add a keyslot - all keyslots are in use

        """)
  }

  @Test("A-07 a file that cannot be written is named before anything is changed")
  func readOnlyFile() {
    run(
      """
      make
      cp image copy
      chmod 444 image
      drop=; [ $(id -u) != 0 ] || drop='setpriv --bounding-set=-dac_override'
      refused $drop "$P" amend $S -o state=active,new-secret=b --image-opts driver=luks,key-secret=a,file.filename=image
      refused "$P" amend $S -o state=active,new-secret=b --image-opts \
        driver=luks,key-secret=a,file.filename=image,read-only=on | sed 's/#block[0-9]*/NODE/'
      cmp image copy
      """,
      expecting: """
        strata: Could not open 'driver=luks,key-secret=a,file.filename=image': Could not open 'image': Permission denied
        strata: 'image': Block node is read-only: node 'NODE' cannot grant 'write'

        """)
  }

  @Test("A-09 a format without amendment says so")
  func unsupported() {
    run(
      "refused \"$P\" amend -f raw -o size=2M before.raw",
      expecting: "strata: 'before.raw': Format driver 'raw' does not support option amendment\n")
  }

  @Test("X-01 the last key, and the last that is known, go by force only")
  func lockout() {
    run(
      """
      make
      refused "$P" luks erase-key --key-file alpha --old-key-file alpha image | head -1
      "$P" luks add-key --key-file alpha --new-key-file beta --iter-time 10 image
      refused "$P" luks erase-key --key-file alpha --old-key-file alpha image | head -1
      "$P" luks erase-key --key-file beta --old-key-file alpha image
      opens beta; ! opens alpha
      "$P" luks erase-key --force --key-file beta --key-slot 1 image
      ! opens beta
      """,
      expecting: """
        strata: 'image': All the active keyslots match the (old) password that was given and erasing them will erase all the \
        data in the image irreversibly - refusing operation
        strata: 'image': Erasing keyslot 0 would leave no key for the only secret that is known here - refusing operation

        """)
  }

  @Test(
    "the shells over keys and headers, for both versions", arguments: ["version=1", "version=2,pbkdf=pbkdf2"])
  func shells(_ version: String) {
    run(
      """
      "$P" create -q -f luks $S -o key-secret=a,iter-time=10,\(version) image 1M
      "$P" luks header-backup image copy
      [ $(stat -c %a copy) = 600 ]
      refused "$P" luks header-backup image copy
      "$P" luks change-key --key-file alpha --new-key-secret b $S --iter-time 10 image
      ! opens alpha; opens beta
      "$P" luks add-key --key-fd 5 --new-key-fd 6 --key-slot 5 --iter-time 10 image 5<beta 6<gamma
      opens gamma
      "$P" luks dump --output=json image | grep -c '"active": true'
      "$P" luks header-restore image copy
      opens alpha; ! opens beta; ! opens gamma
      torn() { for at in 0 16384; do printf x | dd of="$1" bs=1 seek=$at conv=notrunc status=none; done; }
      cp copy torn; torn torn
      refused "$P" luks header-restore image torn
      cp image other; torn other
      refused "$P" luks header-restore other copy | head -1
      "$P" luks header-restore --force other copy
      cmp image other
      """,
      expecting: """
        strata: Could not create 'copy': File exists
        2
        strata: Could not open 'torn': Volume is not in LUKS format
        strata: There is no LUKS header in 'other' to compare with (Could not open 'other': Volume is not in LUKS format)

        """)
  }

  @Test("a passphrase is asked for on the terminal and never shown")
  func prompt() {
    run(
      """
      make
      type -p script >/dev/null || { echo no script; exit; }
      : >shown
      printf 'beta2\\177\\nbeta\\n' >typed
      { until grep -q 'New pass' shown; do sleep 0.1; done; cat typed; until grep -q again shown; do sleep 0.1; done; sleep 0.5; } | script -qefc "\"$P\" luks add-key --key-file alpha --iter-time 10 image" \
        /dev/null >>shown 2>&1
      opens beta || cat shown
      ! grep -q beta shown
      grep -c 'New passphrase' shown
      """, expecting: "2\n")
  }

  @Test("values of secrets are in no output, whatever fails")
  func silence() {
    run(
      """
      make
      O='--object secret,id=s,data=hunter2,hunter2'
      {
        for object in secret,id=s,data=hunter2 secret,id=s,data=hun,hunter2 secret,id=s,data=hunter2,format=base64 \
          secret,id=s,data=hunter2,file=x secret,id=s,data=hunter2,keyid=m "{'qom-type':'secret','id':'s','data':hunter2}"; do
          for command in "info image" "info --output=json image" "check image" "convert -O qcow2 image out" \
            "map --output=json image" "graph --output=json image" "create -f luks -o key-secret=s new 1M" \
            "amend -o state=active,new-secret=s image" "luks add-key --key-secret s image" "measure --size 1M -O luks"; do
            "$P" ${command%% *} --object "$object" ${command#* } </dev/null || true
          done
        done
        "$P" graph --output=json $S --image-opts driver=luks,key-secret=a,file.filename=image
        "$P" info $S --image-opts driver=luks,key-secret=a,file.filename=image
      } >said 2>&1
      [ $(wc -l <said) -gt 60 ]
      ! grep -E 'hunter2|alpha|beta' said
      grep -c 'luks' said >/dev/null
      """)
  }

  @Test(
    "the peer amends what we made, and we what it made",
    arguments: ["refcount_bits=8", "compat=0.10", "size=3M"])
  func qcow2(_ change: String) {
    run(
      """
      for maker in "$P" qemu-img; do
        for changer in "$P" qemu-img; do
          $maker convert -f raw -O qcow2 before.raw image
          $changer amend -f qcow2 -o \(change) image
          $changer amend -f qcow2 -o compat=1.1,refcount_bits=64,lazy_refcounts=on,size=1M image
          qemu-img check -q image
          "$P" check -q image
          qemu-img compare -q -f raw -F qcow2 before.raw image
        done
      done
      """)
  }

  @Test(
    "amend and all that writes the list of snapshots complete entries that are short", arguments: [0, 8, 16])
  func shortEntries(_ extra: Int) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      qemu-img create -q -f qcow2 -o compat=0.10 image 4M
      qemu-io -f qcow2 -c 'write -P 3 0 1M' image >/dev/null
      qemu-img snapshot -c a image
      table=$(od -An -t u8 --endian=big -j 64 -N 8 image)
      put() { dd of=image bs=1 conv=notrunc seek=$(($table + $1)) 2>/dev/null; }
      printf "\\\\$(printf %o $2)" | put 39
      printf 1a | put $((40 + $2))
      printf '\\0\\0\\0\\0' | put $((42 + $2))
      "$1" snapshot -l image | tail -n +3 >before
      cp image first
      "$1" amend -o compat=1.1 image
      "$1" snapshot -l image | tail -n +3 | diff before -
      for program in "$1" qemu-img; do $program check -q image; done
      "$1" snapshot -c b image
      "$1" snapshot -a a image
      for program in "$1" qemu-img; do $program check -q image; done
      "$1" snapshot -c b first
      qemu-img snapshot -d b first
      "$1" amend -o compat=1.1 first
      for program in "$1" qemu-img; do $program check -q first; done
      """, Programs.strata, String(extra), folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  static let openings = [
    "resize -q image 1M", "commit image", "rebase -u -b '' image", "snapshot -l image",
    "snapshot -d none image",
    "amend -o compat=v9 image", "bench -w -c 1 image", "check -r all image", "info image", "map image",
    "bitmap --add image b", "convert -n -O qcow2 disk.raw image",
  ]

  @Test("opening for writing clears unknown autoclear bits where the peer does", arguments: openings)
  func unknownBits(_ command: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      make() {
        rm -f image top
        qemu-img create -q -f qcow2 image 1M
        qemu-img create -q -f qcow2 -b image -F qcow2 top
        printf '\\0\\0\\1\\0\\0\\0\\0\\4' | dd of=image bs=1 seek=88 conv=notrunc 2>/dev/null
      }
      bits() { od -An -t x1 -j 88 -N 8 image; }
      truncate -s 1M disk.raw
      make
      eval "qemu-img $2" >/dev/null 2>&1
      bits >expected
      make
      eval "'$1' $2" >/dev/null 2>&1
      bits | diff expected -
      """, Programs.strata, command, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  /// Kind, bit and name of each entry of a table of features.
  static let tables = [
    "", "\\0\\5:mine", "\\0\\5:mine \\0\\24:yours", "\\1\\5:compatible \\0\\24:yours", "\\0\\5: \\0\\5:late",
    "\\0\\5:first \\0\\5:second",
  ]

  @Test("unknown features have the names that the image gives them", arguments: tables)
  func featureNames(_ table: String) throws {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      qemu-img create -q -f qcow2 image 1M
      put() { dd of=image bs=1 conv=notrunc seek=$1 2>/dev/null; }
      printf '\\0\\0\\0\\0\\0\\20\\0\\40' | put 72
      head -c 600 /dev/zero | put 112
      place=120
      for entry in $2; do
        printf "${entry%%:*}" | put $place
        printf "${entry#*:}" | put $((place + 2))
        place=$((place + 48))
      done
      size=$((place - 120))
      [ $size = 0 ] || printf "\\150\\003\\370\\127\\0\\0\\\\$(printf %o $((size / 256)))\\\\$(printf %o $((size % 256)))" | put 112
      for command in info 'check -r all' 'resize --shrink' map; do
        case $command in resize*) size=1M ;; *) size= ;; esac
        qemu-img $command image $size >expected 2>&1 && echo $command
        "$1" $command image $size 2>&1 | grep -v hint: | sed s/^strata:/qemu-img:/ | diff expected -
      done
      true
      """, Programs.strata, table, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}

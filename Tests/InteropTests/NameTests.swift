// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// D-03: names are bytes, from the command line and the header to the system and back. All of these names are there at
/// once, so that a command which took one for another would change the wrong one.
@Suite struct NameTests {
  /// Ordinary, no UTF-8 in every way there is, equal only to Unicode, and such as tell a terminal something.
  private static let names = #"""
    set -e; S=$1
    N=(plain 'ü' $'n\350' $'n\351' $'n\300\257' $'n\200' $'n\342\202' $'n\355\240\200' $'n\364\220\200\200' $'n\357\277\277'
      $'n\357\277\275' $'n\364\217\273\251' $'n\364\217\271\201' $'n\303\251' $'ne\314\201' $'\314\201n' $'n\nverdict safe'
      $'n\e[31m\r' $'n\r\n' $'n\302\205' $'n\342\200\256' $'n\342\200\250' $'n\tx' 'n\xE9' $'\377\376')

    """#

  private func run(_ script: String, _ folder: TemporaryFolder = TemporaryFolder()) -> Shell.Outcome {
    Shell.run(NameTests.names + script, Programs.strata, folder: folder.path)
  }

  /// Each file has contents of its own; none but the target may change.
  @Test(
    "files: every command reads and writes the one that is meant",
    arguments: [
      #"$S convert -f raw -O raw src/p "out/$n"; cmp src/p "out/$n""#,
      #"$S convert -f raw -O raw "src/$n" out/p; cmp "src/$n" out/p"#,
      #"$S convert -f raw -O qcow2 "src/$n" "out/$n"; $S check -q "out/$n"; $S compare -q "src/$n" "out/$n""#,
      #"$S create -q -f raw "out/$n" 4k; [ "$(stat -c %s "out/$n")" = 4096 ]"#,
      #"$S dd -f raw -O raw if="src/$n" of="out/$n" bs=512; cmp "src/$n" "out/$n""#,
      #"cp "src/$n" "out/$n"; $S resize -q -f raw "out/$n" 8k; [ "$(stat -c %s "out/$n")" = 8192 ]"#,
      #"$S convert -O raw --image-opts driver=raw,file.filename="src/$n" out/p; cmp "src/$n" out/p"#,
      #"cp src/p "out/$n"; $S convert -f raw -n --target-image-opts "src/$n" driver=raw,file.filename="out/$n"; cmp "src/$n" "out/$n""#,
      #"$S map -f raw "src/$n" >/dev/null; $S measure -f raw "src/$n" >/dev/null; $S checksum -f raw "src/$n" >/dev/null"#,
      // What JSON says of a name leads to the same file, and to no other.
      #"""
      $S info -f raw --output=json "src/$n" >out/json
      if LC_ALL=C grep '[^ -~]' out/json; then exit 1; fi
      f=$(sed -n 's/^    "filename": "\(.*\)",$/\1/p' out/json)
      $S convert -O raw "json:{'driver':'raw','file':{'driver':'file','filename':\"$f\"}}" out/p; cmp "src/$n" out/p
      """#,
      // One line says what is wrong, and nothing in it is for the terminal.
      #"""
      if $S info "src/$n.no" >out/said 2>&1; then exit 1; fi
      iconv -f UTF-8 -t UTF-8 out/said >/dev/null
      [ "$(LC_ALL=C tr -d '\12\40-\176\200-\377' <out/said | wc -c)" = 0 ]
      [ "$(wc -l <out/said)" = 1 ]
      """#,
    ])
  func files(_ step: String) {
    let script = #"""
      mkdir src out; head -c 4096 /dev/zero | tr '\0' p >src/p
      for i in "${!N[@]}"; do
        { printf 'number %04d' $i; head -c 4085 /dev/zero | tr '\0' x; } >"src/${N[i]}"
      done
      sums() { for n in "${N[@]}"; do cksum <"src/$n"; done; }
      before=$(sums)
      for n in "${N[@]}"; do
      \#(step)
      done
      [ "$(sums)" = "$before" ]
      [ "$(find src -type f -printf x | wc -c)" = $((${#N[@]} + 1)) ]
      """#
    #expect(run(script) == Shell.Outcome(status: 0, output: ""))
  }

  /// `names FILE NAME`: the file's first cluster has the bytes of the name, as long as the header says.
  private static let header = #"""
    hex() { od -An -v -tx1 | tr -d ' \n'; }
    number() { echo $((16#$(tail -c +$(($2 + 1)) "$1" | head -c $3 | hex))); }
    backing() { [ "$(tail -c +$(($(number "$1" 8 8) + 1)) "$1" | head -c $(number "$1" 16 4) | hex)" = "$(printf %s "$2" | hex)" ]; }
    data() {
      local h=444154410000$(printf %04x $(printf %s "$2" | wc -c))$(printf %s "$2" | hex)
      [[ $(head -c 4096 "$1" | hex) == *$h* ]]
    }
    for i in "${!N[@]}"; do
      qemu-img create -q -f qcow2 "${N[i]}" 1M
      qemu-io -f qcow2 -c "write -P $((i + 1)) 0 64k" "${N[i]}" >/dev/null
    done
    is() { qemu-io -r -U -f qcow2 -c "read -P $((i + 1)) 0 64k" "$1" | grep -q '^read' && ! qemu-io -r -U -f qcow2 -c "read -P $((i + 1)) 0 64k" "$1" | grep -i failed; }

    """#

  @Test(
    "backing and data files: headers have the bytes that were meant, and keep them",
    arguments: [
      #"$S create -q -f qcow2 -b "$n" -F qcow2 o; backing o "$n"; is o"#,
      #"$S rebase -f qcow2 -b "$n" -F qcow2 b; backing b "$n"; $S rebase -f qcow2 -b '' b"#,
      #"$S rebase -u -f qcow2 -b "$n" -F qcow2 b; backing b "$n"; $S rebase -u -f qcow2 -b '' b"#,
      #"$S convert -O qcow2 -B "$n" -F qcow2 "$n" o; backing o "$n"; is o"#,
      #"""
      qemu-img create -q -f qcow2 -b "$n" -F qcow2 o
      $S amend -o lazy_refcounts=on o; backing o "$n"; is o
      $S bitmap --add o b; backing o "$n"
      $S bitmap --remove o b; backing o "$n"
      $S snapshot -c s o; backing o "$n"
      $S snapshot -d s o; backing o "$n"; is o
      $S resize -q o 2M; backing o "$n"; is o
      qemu-img create -q -f qcow2 -b o -F qcow2 p
      $S commit -q p; backing o "$n"; is o
      $S check -q o
      """#,
      #"""
      qemu-img create -q -f qcow2 -o compat=0.10 -b "$n" -F qcow2 o
      $S amend -o compat=1.1 o; backing o "$n"; is o
      """#,
      // What is committed goes into the file that is meant.
      #"""
      qemu-img create -q -f qcow2 -b "$n" -F qcow2 o; qemu-img create -q -f qcow2 -b o -F qcow2 p
      qemu-io -f qcow2 -c 'write -P 99 512k 64k' p >/dev/null
      $S commit -q -b "$n" p
      qemu-io -f qcow2 -c 'read -P 99 512k 64k' "$n" | grep -q '^read'
      is "$n"; qemu-io -f qcow2 -c 'write -z 512k 64k' "$n" >/dev/null
      """#,
      #"""
      $S create -q -f qcow2 -o "data_file=d$n" o 1M; data o "d$n"; [ -e "d$n" ]
      $S amend -o lazy_refcounts=on o; data o "d$n"
      $S bitmap --add o b; data o "d$n"; $S check -q o
      qemu-io -f qcow2 -c 'write -P 98 0 64k' o >/dev/null; $S convert -O raw o r; cmp <(head -c 64k "d$n") <(head -c 64k r)
      """#,
    ])
  func chains(_ step: String) {
    let script =
      NameTests.header + #"""
        qemu-img create -q -f qcow2 b 1M
        for i in "${!N[@]}"; do
        n=${N[i]}; rm -f o p r
        \#(step)
        done
        for i in "${!N[@]}"; do is "${N[i]}"; done
        """#
    #expect(run(script) == Shell.Outcome(status: 0, output: ""))
  }

  @Test(
    "snapshots: each name is taken, found, restored and forgotten by its bytes",
    arguments: ["strata", "qemu-img"])
  func snapshots(_ taker: String) {
    let script = #"""
      T=\#(taker == "strata" ? "$S" : taker)
      qemu-img create -q -f qcow2 a 1M
      write() { qemu-io -f qcow2 -c "write -P $1 0 64k" a >/dev/null; }
      is() { ! qemu-io -f raw -c "read -P $((i + 1)) 0 64k" "$1" | grep failed; }
      for i in "${!N[@]}"; do write $((i + 1)); $T snapshot -c "${N[i]}" a; done
      for i in "${!N[@]}"; do
        n=${N[i]}
        $S convert -l "$n" -O raw a r; is r
        $S convert -l "snapshot.name=${n//,/,,}" -O raw a r; is r
        $S snapshot -a "$n" a; $S convert -O raw a r; is r
      done
      for i in "${!N[@]}"; do
        $S snapshot -d "${N[i]}" a
        if $S snapshot -a "${N[i]}" a 2>/dev/null; then echo "${N[i]} is there"; fi
        for i in $((i + 1)); do
          if [ $i -lt ${#N[@]} ]; then qemu-img convert -l "snapshot.name=${N[i]}" -O raw a r; is r; fi
        done
      done
      [ -z "$($S snapshot -l a)" ]
      $S check -q a
      """#
    #expect(run(script) == Shell.Outcome(status: 0, output: ""))
  }

  @Test("bitmaps: each name is added, changed, copied and removed by its bytes")
  func bitmaps() {
    let script = #"""
      qemu-img create -q -f qcow2 a 1M; qemu-img create -q -f qcow2 m 1M
      count() { qemu-img info -U --output=json $1 | grep -c '"name"' || true; }
      for n in "${N[@]}"; do $S bitmap --add a "$n"; done
      [ $(count a) = ${#N[@]} ]
      for n in "${N[@]}"; do
        $S bitmap --disable --clear --enable a "$n"
        $S bitmap --add --merge "$n" a other; $S bitmap --remove a other
        if $S bitmap --add a "$n" 2>/dev/null; then echo "$n twice"; fi
      done
      $S convert -O qcow2 --bitmaps a c
      [ $(count c) = ${#N[@]} ]
      left=${#N[@]}
      for n in "${N[@]}"; do
        $S bitmap --remove a "$n"; qemu-img bitmap --remove c "$n"; left=$((left - 1))
        [ $(count a) = $left ]; [ $(count c) = $left ]
      done
      $S check -q a
      """#
    #expect(run(script) == Shell.Outcome(status: 0, output: ""))
  }

  @Test("secrets: files and bytes are those that are meant")
  func secrets() {
    let script = #"""
      for i in "${!N[@]}"; do printf 'key %s' $i >"${N[i]}"; done
      n=${N[3]}
      $S create -q -f luks --object "secret,id=s,file=$n" -o key-secret=s,iter-time=10 l 1M
      for i in "${!N[@]}"; do
        if $S convert --object "secret,id=s,file=${N[i]}" --image-opts driver=luks,file.filename=l,key-secret=s -O raw r 2>/dev/null
        then echo $i; fi
      done
      for data in 'é' $'e\314\201' $'\tx\n'; do
        $S create -q -f luks --object "secret,id=s,data=$data" -o key-secret=s,iter-time=10 k 1M
        printf %s "$data" >key
        qemu-img convert --object secret,id=s,file=key --image-opts driver=luks,file.filename=k,key-secret=s -O raw r
      done
      """#
    #expect(run(script) == Shell.Outcome(status: 0, output: "3\n"))
  }

  @Test("a bare root without /proc: the program starts, and reads and makes images")
  func bareRoot() {
    let script = #"""
      mkdir root; cp "$S" root/strata
      for l in $(ldd "$S" | grep -o '/[^ ]*'); do mkdir -p "root/${l%/*}"; cp "$l" "root/$l"; done
      bare() { unshare -r chroot root /strata "$@"; }
      qemu-img create -q -f qcow2 root/a.qcow2 1M; truncate -s 1M root/b.raw
      bare info /a.qcow2 | grep '^file format'
      bare check /a.qcow2; bare map /a.qcow2 >/dev/null; bare compare /a.qcow2 /b.raw
      """#
    #expect(
      run(script)
        == Shell.Outcome(
          status: 0,
          output:
            "file format: qcow2\nNo errors were found on the image.\nImage end offset: 262144\nImages are identical.\n"
        ))
  }
}

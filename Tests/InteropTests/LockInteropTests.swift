// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Images that another process of ours or of the peer's has open.
@Suite struct LockInteropTests {
  /// `hold PROGRAM IMAGE` keeps an image open for writing until `release`, and sets `holder`; `state` tells the
  /// bytes of all images.
  private static let words = """
    hold() {
      case $1 in
        qemu-io)
          mkfifo gate; exec 9<>gate; : >said
          qemu-io -f qcow2 "$2" <gate >said 2>&1 9>&- & holder=$!
          until grep -q '>' said; do sleep 0.01; done ;;
        qemu-nbd)
          qemu-nbd -t --fork --pid-file=pid -k "$PWD/socket" -f qcow2 "$2" >/dev/null 2>&1
          holder=$(cat pid) ;;
      esac
    }
    release() {
      kill -9 $holder; wait $holder 2>/dev/null
      while [ -d /proc/$holder ]; do sleep 0.01; done
      rm -f gate
    }
    state() { md5sum base top other >state.new; [ ! -e state ] || cmp state state.new; mv state.new state; }
    locks() { grep -c ":$(stat -c %i "$1") " /proc/locks; }
    qemu-img create -q -f qcow2 base 1M
    qemu-io -f qcow2 -c 'write -q -P 1 0 256k' base
    qemu-img create -q -f qcow2 -b base -F qcow2 top
    qemu-io -f qcow2 -c 'write -q -P 2 64k 64k' top
    qemu-img create -q -f qcow2 other 1M

    """

  static let holders = ["qemu-io", "qemu-nbd"]

  /// What is held, the lock that cannot be had, the image that the message names, and the command.
  static let refused: [(String, String, String)] = [
    ("top", "shared \"write\"", "info top"), ("top", "shared \"write\"", "map top"),
    ("top", "shared \"write\"", "check top"), ("top", "shared \"write\"", "compare top other"),
    ("top", "shared \"write\"", "convert -O raw top out"), ("top", "shared \"write\"", "measure -O raw top"),
    ("top", "shared \"write\"", "snapshot -l top"), ("base", "shared \"write\"", "map top"),
    ("top", "\"write\"", "snapshot -c one top"), ("top", "\"write\"", "resize top 2M"),
    ("top", "\"write\"", "commit top"), ("base", "shared \"write\"", "commit top"),
    ("top", "\"write\"", "rebase -b other -F qcow2 top"),
    ("top", "\"write\"", "rebase -u -b other -F qcow2 top"),
    ("other", "shared \"write\"", "rebase -b other -F qcow2 top"),
    ("top", "\"write\"", "create -f qcow2 top 2M"),
    ("top", "\"write\"", "convert -O qcow2 other top"), ("top", "\"write\"", "convert -n -O qcow2 other top"),
    ("top", "\"write\"", "convert -n -U -O qcow2 other top"),
  ]

  @Test(
    "P-09 an image that the peer has open for writing is refused, with the peer's process", arguments: holders
  )
  func theyHold(_ holder: String) {
    let folder = TemporaryFolder()
    var script = LockInteropTests.words + "state\n"
    var expected = ""
    var held = ""
    for (image, lock, command) in LockInteropTests.refused {
      if image != held {
        if !held.isEmpty { script += "release\n" }
        script += "hold \(holder) \(image)\n"
        held = image
      }
      script += """
        "$1" \(command) 2>said.us >/dev/null && echo 'done: \(command)'
        sed -e 's/.*Failed/Failed/' -e "s/process $holder /process N /" said.us

        """
      let way = lock.hasPrefix("shared") ? ", or only read, with --force-share (-U)" : ", then try again"
      expected += """
        Failed to get \(lock) lock
        Is another process using the image [\(image)]?
        strata: hint: Held by process N (\(holder)): let it finish or end it\(way).

        """
    }
    script +=
      "release; state; ls out 2>/dev/null; \"$1\" info -q top >/dev/null 2>&1 || \"$1\" info top >/dev/null\n"
    let outcome = Shell.run(script, Programs.strata, folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: expected))
  }

  @Test(
    "P-09 force-share is for readers: it reads what the peer writes, and nothing else", arguments: holders)
  func force(_ holder: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      LockInteropTests.words
        + """
        state
        hold \(holder) top
        for command in 'info' 'map' 'check' 'compare base' 'measure -O raw' 'snapshot -l' 'convert -O raw'; do
          name=top; [ "$command" = 'convert -O raw' ] && name='top out'
          "$1" ${command%% *} -U ${command#* } $name >/dev/null 2>&1
          echo "$command: $?"
        done
        for command in 'rebase -u -U -b other -F qcow2 top' 'rebase -U -b other -F qcow2 top' 'snapshot -U -c one top' \\
          'convert -n -U -O qcow2 other top'; do
          "$1" $command >/dev/null 2>&1 && echo "done: $command"
        done
        release
        state
        qemu-img compare -f raw -F qcow2 out top
        """.replacing("${command#* }", with: "$(words=(${command}); echo \"${words[@]:1}\")"),
      Programs.strata,
      folder: folder.path)
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: """
            info: 0
            map: 0
            check: 0
            compare base: 1
            measure -O raw: 0
            snapshot -l: 0
            convert -O raw: 0
            Images are identical.

            """))
  }

  /// Each holds `top` or `base` for seconds unless it is ended.
  static let slow: [(String, String)] = [
    ("top", "convert -n -r 16k -O qcow2 full top"), ("top", "commit -r 16k top"),
    ("base", "commit -r 16k top"),
  ]

  @Test(
    "P-09 J-06 an image that we hold is refused to the peer until we end, also by SIGKILL", arguments: slow,
    ["INT", "KILL"])
  func weHold(_ job: (String, String), _ signal: String) {
    let folder = TemporaryFolder()
    let (image, command) = job
    let outcome = Shell.run(
      LockInteropTests.words + """
        qemu-io -f qcow2 -c 'write -q -P 3 0 1M' top
        qemu-img create -q -f qcow2 full 1M
        qemu-io -f qcow2 -c 'write -q -P 3 0 1M' full
        env --default-signal=INT "$1" \(command) >/dev/null 2>&1 & ours=$!
        for i in $(seq 500); do [ $(locks \(image)) -gt 3 ] && break; sleep 0.01; done
        qemu-io -f qcow2 -c 'write 0 512' \(image) 2>&1 | grep -o 'Failed to get.*lock'
        timeout 5 qemu-nbd -t -k "$PWD/socket" -f qcow2 \(image) 2>&1 | grep -o 'Failed to get.*lock'
        qemu-img info \(image) 2>&1 | grep -o 'Failed to get.*lock'
        "$1" info \(image) 2>&1 | sed -n "s/process $ours /process N /; s/^strata: hint: \\(Held by[^:]*\\).*/\\1/p"
        qemu-img info -U \(image) >/dev/null && echo 'may be looked at'
        kill -\(signal) $ours; wait $ours 2>/dev/null; echo "ended: $?"
        locks top; locks base
        qemu-io -f qcow2 -c 'write -q 0 512' top && qemu-io -f qcow2 -c 'write -q 0 512' base
        for image in top base; do qemu-img check -q $image; [ $? = 0 -o $? = 3 ] || echo "$image is damaged"; done
        """, Programs.strata, folder: folder.path)
    let status = signal == "INT" ? 130 : 137
    #expect(
      outcome
        == Shell.Outcome(
          status: 0,
          output: """
            Failed to get "write" lock
            Failed to get "write" lock
            Failed to get shared "write" lock
            Held by process N (strata)
            may be looked at
            ended: \(status)
            0
            0

            """))
  }
}

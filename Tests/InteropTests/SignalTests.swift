// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What signals do to the program, whatever it is doing, and what a lost standard stream does not.
struct SignalTests {
  private let folder = TemporaryFolder()

  /// Starts things to be interrupted, and sends signals.
  private static let prelude = """
    strata=$1
    uri="nbd+unix:///disk?socket=$PWD/socket"
    # A server that takes connections and answers nothing: it is stopped.
    silent_server() {
      truncate -s 8M disk.raw
      qemu-nbd -t -e 0 -x disk -k "$PWD/socket" -f raw disk.raw & server=$!
      for _ in $(seq 100); do [[ -S socket ]] && break; sleep 0.05; done
      kill -STOP $server
      trap 'kill -KILL $server' EXIT
    }
    # interrupt SIGNAL TIME: sends SIGNAL to the job in the background, which has to end within so many microseconds.
    interrupt() {
      local job=$! start=${EPOCHREALTIME/./} end guard
      (sleep 6; kill -KILL $job) & guard=$!
      kill -"$1" $job
      wait $job; status=$?
      end=${EPOCHREALTIME/./}
      # Before it has run at all, the guard takes other signals as this shell does, and would end the server.
      kill -KILL $guard
      (( end - start < $2 )) || echo "took $(( end - start )) us"
    }
    # The peer fails now and then where so little time is measured.
    new_luks() {
      for try in $(seq 40); do
        qemu-img create -q -f luks --object secret,id=s,data=word -o key-secret=s,iter-time=10 "$@" && break
      done
    }
    # A shell's background jobs ignore SIGINT unless they are told not to.
    fresh() { exec env --default-signal "$@"; }
    exec 2>/dev/null

    """

  private func run(_ script: String, _ arguments: String...) -> Shell.Outcome {
    Shell.run(
      Self.prelude + script, arguments: [Programs.strata] + arguments, folder: folder.path)
  }

  @Test("D-07 signals that are ignored at the start stay ignored", arguments: ["HUP", "INT", "TERM"])
  func ignored(_ signal: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 8 << 20, seed: 6)
    let outcome = run(
      """
      (trap '' "$2"; exec "$strata" convert -r 2M disk.raw target.raw) &
      sleep 0.5
      kill -"$2" $! && sleep 0.1
      kill -"$2" $! && wait $! && cmp disk.raw target.raw && echo whole
      """, signal)
    #expect(outcome == Shell.Outcome(status: 0, output: "whole\n"))
  }

  /// Commands that wait for what never comes, and what they may leave.
  static let hanging = [
    "info $uri", "map $uri", "compare $uri disk.raw", "measure -O raw $uri", "checksum $uri",
    "convert $uri out/new", "convert -f raw -O qcow2 $uri out/old", "convert -n source.raw $uri",
    "dd if=$uri of=out/new", "rebase -b '' over.qcow2", "commit over.qcow2",
    "create -f qcow2 -b $uri -F raw out/new",
  ]

  @Test(
    "D-07 the first signal ends a command that hangs, and nothing half-made stays",
    arguments: hanging)
  func hangs(_ command: String) {
    let outcome = run(
      """
      mkdir out
      echo before > out/old
      truncate -s 8M source.raw
      "$strata" create -q -f qcow2 -u -b base.raw -F raw over.qcow2 8M
      silent_server
      shift
      if [[ $1 == *over* ]]; then
        name="driver=qcow2,file.filename=over.qcow2,backing.driver=nbd,backing.path=$PWD/socket,backing.export=disk"
        set -- "${1/over.qcow2/--image-opts $name}"
      fi
      for signal in TERM INT HUP; do
        eval "fresh \\"\\$strata\\" $1 >said 2>&1" &
        sleep 0.5
        interrupt $signal 1900000
        echo $((status - 128))
        (( status > 128 )) || cat said
      done
      ls -A out
      cat out/old
      """, command)
    #expect(outcome == Shell.Outcome(status: 0, output: "15\n2\n1\nold\nbefore\n"), "\(command)")
  }

  @Test("D-07 the second signal ends a command that hangs at once", arguments: ["TERM", "INT", "HUP"])
  func second(_ signal: String) {
    let outcome = run(
      """
      mkdir out
      silent_server
      fresh "$strata" convert "$uri" out/new &
      sleep 0.5
      kill -"$2" $!
      sleep 0.1
      interrupt TERM 500000
      echo $status
      ls -A out
      """, signal)
    #expect(outcome == Shell.Outcome(status: 0, output: "143\n"))
  }

  @Test(
    "SIGUSR1 asks for progress and ends nothing, also where it was ignored", arguments: ["", "trap '' USR1;"])
  func requests(_ disposition: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 4 << 20, seed: 6)
    let outcome = run(
      """
      (eval "$2"; exec "$strata" convert -r 1M disk.raw target.raw 2>said) &
      sleep 0.5
      kill -USR1 $!
      sleep 1
      kill -USR1 $!
      wait $! && cmp disk.raw target.raw && grep -c '^    (.*/100%)$' said
      """, disposition)
    #expect(outcome == Shell.Outcome(status: 0, output: "2\n"))
  }

  @Test("D-07 the first signal ends the derivation of a key")
  func derivation() throws {
    let outcome = run(
      """
      printf word >word
      new_luks disk.luks 8M
      # The iterations of the first key slot.
      printf '\\x0b\\xeb\\xc2\\x00' | dd of=disk.luks bs=1 seek=212 conv=notrunc status=none
      fresh "$strata" convert --object secret,id=s,file=word \\
        --image-opts driver=luks,key-secret=s,file.filename=disk.luks out.raw &
      sleep 0.5
      interrupt TERM 1900000
      echo $status
      ls -A
      """)
    #expect(outcome == Shell.Outcome(status: 0, output: "143\ndisk.luks\nword\n"))
  }

  /// Ways to have no standard output, with what ends a command line.
  static let lostStreams = [">/dev/full", ">&-", ">&- 2>&- <&-", "| true", ">/dev/full 2>/dev/full"]

  @Test("work that is done does not fail for want of a standard stream", arguments: lostStreams)
  func streams(_ stream: String) throws {
    try SampleDisk.write(folder.file("disk.raw"), length: 1 << 20, seed: 6)
    let outcome = run(
      """
      for command in "create -f qcow2 new.qcow2 1M" "convert -p -O qcow2 disk.raw copy.qcow2" \\
        "convert -p --output=json disk.raw copy.raw" "check new.qcow2" "info disk.raw" \\
        "compare -p disk.raw copy.raw" "map --output=json disk.raw" "snapshot -c one copy.qcow2" "--version"; do
        eval "\\"\\$strata\\" $command $2; echo \\${PIPESTATUS[0]} >>statuses"
      done
      tr '\\n' ' ' <statuses
      qemu-img compare disk.raw copy.qcow2 && cmp disk.raw copy.raw && qemu-img check -q copy.qcow2 && echo whole
      """, stream)
    #expect(
      outcome
        == Shell.Outcome(status: 0, output: "0 0 0 0 0 0 0 0 0 Images are identical.\nwhole\n"))
  }

  @Test("where output is all there is, its loss is a failure", arguments: [">/dev/full", ">&-"])
  func products(_ stream: String) throws {
    let outcome = run(
      """
      truncate -s 1M disk.raw
      new_luks disk.luks 1M
      for command in "checksum disk.raw" "inspect disk.raw" "graph disk.raw" "dd if=disk.raw" "luks dump disk.luks" \\
        "formats" "completion bash"; do
        eval "\\"\\$strata\\" $command $2"; echo $?
      done | tr '\\n' ' '
      """, stream)
    #expect(outcome == Shell.Outcome(status: 0, output: "1 1 1 1 1 1 1 "))
  }

  @Test("D-07 the terminal shows again what is typed when the question for a passphrase is interrupted")
  func terminal() throws {
    let script = """
      cd "$0"
      export LC_ALL=C
      # The peer fails now and then where so little time is measured.
      for try in $(seq 40); do
        qemu-img create -q -f luks --object secret,id=s,data=word -o key-secret=s,iter-time=10 disk.luks 1M 2>/dev/null &&
          break
      done
      stty -echo
      stty echo
      for count in 1 2; do
        (sleep 1.2; for number in $(seq $count); do kill -TERM $(cat number); done) &
        sh -c 'echo $$ >number; exec "$0" luks add-key disk.luks' "$1"
        echo "status $?"
        stty -a | grep -o -w -e '-*echo' -e '-*icanon' -e '-*isig' | tr '\\n' ' '
        echo end
      done
      """
    let terminal = try #require(
      PseudoTerminal(
        ["bash", "-c", script, folder.path, Programs.strata], environment: ["PATH=/usr/bin:/bin"]))
    for _ in 1...2 {
      #expect(terminal.wait(for: "status 143"), "\(terminal.screen)")
      #expect(terminal.wait(for: "isig icanon echo end"), "\(terminal.screen)")
    }
  }
}

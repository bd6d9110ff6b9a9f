// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// What `make install` and `make deb` put in place.
@Suite struct InstallTests {
  @Test("what is installed works, and is taken away without a trace", arguments: ["", "qemu-img"])
  func install(_ link: String) {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      export DESTDIR=$2
      cd "$3" && Scripts/install "$1" /opt/strata $4
      cd "$2/opt/strata"
      bin/strata --version > /dev/null
      bin/strata-create -q "$2/a.raw" 1M
      bin/strata-info "$2/a.raw" | grep -q 'virtual size: 1 MiB'
      for name in bin/strata-*; do
        name=${name##*/}
        man -l "share/man/man1/$name.1" > /dev/null
        [[ -e share/bash-completion/completions/$name && -e share/fish/vendor_completions.d/$name.fish ]]
      done
      [[ -f share/zsh/site-functions/_strata && -f share/man/man7/strata-safety.7 ]]
      if [[ -n $4 ]]; then bin/qemu-img --version | grep -q ^qemu-img; else [[ ! -e bin/qemu-img ]]; fi
      cd "$3" && Scripts/install --remove /opt/strata
      rm "$2/a.raw"
      find "$2" ! -type d
      """, Programs.strata, folder.path, Programs.root, link)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  /// Words of a script that installs a package into a scratch root.
  private static let scratchRoot = """
    set -e
    # As small as may be takes a quarter of a minute each time.
    export DPKG_DEB_COMPRESSOR_TYPE=gzip DPKG_DEB_COMPRESSOR_LEVEL=1
    program=$1 out=$2/out script=$3/Scripts/package-debian sources=$3/Sources
    mkdir -p root/var/lib/dpkg/{info,updates,parts,triggers} root/usr/bin
    touch root/var/lib/dpkg/{status,available}
    # What the package depends on is on the machine, not in the scratch root.
    run() {
      dpkg --root="$PWD/root" --force-not-root --force-depends --force-script-chrootless --log=/dev/null "$@" \
        > log 2>&1 || { cat log; exit 1; }
    }

    """

  private func inScratchRoot(_ script: String) -> Shell.Outcome {
    let folder = TemporaryFolder()
    return Shell.run(
      Self.scratchRoot + script, arguments: [Programs.strata, folder.path, Programs.root], folder: folder.path
    )
  }

  @Test("the Debian package installs and goes")
  func package() {
    let outcome = inScratchRoot(
      """
      file=$("$script" "$program" "$out")
      dpkg-deb --field "$file" Depends | grep -q 'libc6 (>= '
      dpkg-deb --field "$file" Depends | grep -q 'libzstd1'
      run --install "$file"
      root/usr/bin/strata --version | grep -q '^strata version'
      [[ -L root/usr/bin/strata-check && ! -e root/usr/bin/qemu-img ]]
      man -l root/usr/share/man/man1/strata-check.1.gz > /dev/null
      [[ -f root/usr/share/zsh/vendor-completions/_strata && -f root/usr/share/doc/strata/copyright ]]
      dpkg --root="$PWD/root" --verify strata
      run --purge strata
      find root ! -type d -path 'root/usr/*'
      """)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("the package depends on every library that the program loads at run time")
  func dependencies() {
    let outcome = inScratchRoot(
      """
      file=$("$script" "$program" "$out")
      dpkg-deb --field "$file" Depends | tr , '\\n' | sed 's/^ //; s/ (.*//' > depends
      libraries=$(grep -rhoE '"lib[a-z0-9]+\\.so\\.[0-9]+"' "$sources" | tr -d '"' | sort -u)
      [[ $(wc -w <<< "$libraries") -ge 3 ]]
      for library in $libraries; do
        owner=$(dpkg -S "*/$library" | sed -n '1s/:.*//p')
        grep -qx "$owner" depends || echo "$library of $owner is missing"
      done
      """)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }

  @Test("with the link, the other qemu-img steps aside and comes back")
  func diversion() {
    let outcome = inScratchRoot(
      """
      mkdir -p other/DEBIAN other/usr/bin
      printf '#!/bin/sh\\necho peer\\n' > other/usr/bin/qemu-img
      chmod 755 other/usr/bin/qemu-img
      printf 'Package: qemu-utils\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x>\\nDescription: x\\n' \
        > other/DEBIAN/control
      dpkg-deb --root-owner-group --build other other.deb > /dev/null
      plain=$("$script" "$program" "$out")
      linked=$(QEMU_IMG_LINK=yes "$script" "$program" "$out.linked")
      [[ -z $(dpkg-deb --field "$linked" Conflicts) && -z $(dpkg-deb --field "$linked" Replaces) ]]
      ours() { root/usr/bin/qemu-img --version | grep -q '^qemu-img version'; }
      peer() { [[ $(root/usr/bin/$1) == peer ]]; }
      status() { dpkg-query --admindir=root/var/lib/dpkg -W -f '${Package} ${db:Status-Status}\\n'; }

      run --install other.deb
      run --install "$linked"
      ours && peer qemu-img.distrib
      status
      # A newer version of either keeps things as they are.
      run --install other.deb
      run --install "$linked"
      ours && peer qemu-img.distrib
      # A build without the link gives the name back.
      run --install "$plain"
      peer qemu-img && [[ ! -e root/usr/bin/qemu-img.distrib ]]
      run --install "$linked"
      ours
      run --remove strata
      peer qemu-img && [[ ! -e root/usr/bin/qemu-img.distrib ]]
      run --purge strata
      run --remove qemu-utils
      # Alone, and the other one later.
      run --install "$linked"
      ours
      run --install other.deb
      ours && peer qemu-img.distrib
      run --purge strata
      peer qemu-img
      run --remove qemu-utils
      find root ! -type d -path 'root/usr/*'
      dpkg-divert --root="$PWD/root" --list
      """)
    #expect(outcome == Shell.Outcome(status: 0, output: "qemu-utils installed\nstrata installed\n"))
  }
}

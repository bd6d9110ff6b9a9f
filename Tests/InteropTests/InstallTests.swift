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

  @Test("the Debian package installs and goes")
  func package() {
    let folder = TemporaryFolder()
    let outcome = Shell.run(
      """
      set -e
      file=$("$3/Scripts/package-debian" "$1" "$2/out")
      dpkg-deb --field "$file" Depends | grep -q 'libc6 (>= '
      dpkg-deb --field "$file" Depends | grep -q 'libzstd1'
      dpkg-deb --field "$file" Recommends | grep -q "libcryptsetup12, libnbd0"
      mkdir -p root/var/lib/dpkg/{info,updates,parts,triggers}
      touch root/var/lib/dpkg/{status,available}
      # What the package depends on is on the machine, not in the scratch root.
      run() { dpkg --root="$PWD/root" --force-not-root --force-depends --log=/dev/null "$@" > log 2>&1 || { cat log; exit 1; }; }
      run --install "$file"
      root/usr/bin/strata --version | grep -q '^strata version'
      [[ -L root/usr/bin/strata-check && ! -e root/usr/bin/qemu-img ]]
      man -l root/usr/share/man/man1/strata-check.1.gz > /dev/null
      [[ -f root/usr/share/zsh/vendor-completions/_strata && -f root/usr/share/doc/strata/copyright ]]
      dpkg --root="$PWD/root" --verify strata
      run --purge strata
      find root/usr 2>/dev/null || true
      """, arguments: [Programs.strata, folder.path, Programs.root], folder: folder.path)
    #expect(outcome == Shell.Outcome(status: 0, output: ""))
  }
}

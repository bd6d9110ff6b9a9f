// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

import Support
import Testing

/// Exports of servers that speak TLS, and the words where there is no connection.
@Suite("NBD over TLS")
struct TLSInteropTests {
  private let folder = TemporaryFolder()

  /// Makes two authorities, certificates of the first, a key, and a server that asks for one of the two.
  private static let prelude = """
    set -eu
    ln -s "$1" strata-link
    ln -s "$1" ours-as-peer
    mkdir server client guest foreign psk wrong peer ours
    mv ours-as-peer ours/qemu-img; mv strata-link ours/strata
    sign() {
      certtool --generate-privkey --key-type ecdsa --outfile $1-key.pem 2>log
      printf '%s\\n' "cn = $1" 'expiration_days = 9' "${@:2}" >$1.cfg
      if [[ $1 == ca* ]]; then
        certtool --generate-self-signed --load-privkey $1-key.pem --template $1.cfg --outfile $1-cert.pem 2>log
      else
        certtool --generate-certificate --load-privkey $1-key.pem --template $1.cfg --outfile $1-cert.pem \\
          --load-ca-certificate ca-cert.pem --load-ca-privkey ca-key.pem 2>log
      fi
    }
    sign ca ca cert_signing_key; sign ca2 ca cert_signing_key
    sign server 'dns_name = localhost' 'ip_address = 127.0.0.1' tls_www_server signing_key
    sign client tls_www_client signing_key
    for name in server client guest; do cp ca-cert.pem $name; done
    cp server-*.pem server; cp client-*.pem client; cp ca2-cert.pem foreign/ca-cert.pem
    echo "alice:$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n')" >psk/keys.psk
    echo "alice:$(head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n')" >wrong/keys.psk
    head -c 100000 /dev/urandom >disk.raw; truncate -s 4M disk.raw
    certificates=tls-creds-x509,id=s,dir=$PWD/server,endpoint=server,verify-peer=on
    key=tls-creds-psk,id=s,dir=$PWD/psk,endpoint=server
    # The server chooses a port that nobody has, and tells it by way of /proc.
    serve() {
      for port in $(shuf -i 20000-60000 -n 20); do
        qemu-nbd -t -e 8 -x disk -f raw -b 127.0.0.1 -p $port --pid-file pid "$@" disk.raw 2>server.log & server=$!
        for _ in $(seq 200); do [[ -s pid ]] && break 2; kill -0 $server 2>/dev/null || break; sleep 0.05; done
      done
      trap finish EXIT
      options="driver=nbd,host=localhost,port=$port,export=disk"
    }
    serve_unix() {
      qemu-nbd -t -e 8 -x disk -f raw -k "$PWD/socket" --pid-file pid "$@" disk.raw 2>server.log & server=$!
      trap finish EXIT
      for _ in $(seq 200); do [[ -s pid ]] && break; sleep 0.05; done
      options="driver=nbd,path=$PWD/socket,export=disk"
    }
    finish() { while kill $server 2>/dev/null; do sleep 0.02; done; }
    x509=tls-creds-x509,id=t,endpoint=client,dir=$PWD
    psk=tls-creds-psk,id=t,endpoint=client,username=alice,dir=$PWD
    # Runs a command as the peer and as us under its name, and shows where they differ.
    both() {
      local status=0
      qemu-img "$@" >theirs 2>&1 </dev/null || status=$?
      echo $status >>theirs; status=0
      ours/qemu-img "$@" >mine 2>&1 </dev/null || status=$?
      echo $status >>mine
      diff theirs mine || { echo "^ qemu-img $*"; false; }
    }

    """

  private func run(_ script: String) -> Shell.Outcome {
    Shell.run(Self.prelude + script, Programs.strata, folder: folder.path)
  }

  private static let silence = Shell.Outcome(status: 0, output: "")

  @Test("certificates prove both ends to each other, for every command")
  func certificates() {
    let outcome = run(
      """
      serve --object $certificates --tls-creds s
      options+=,tls-creds=t
      both info --object $x509/client --image-opts $options
      both info --object $x509/client --image-opts $options,tls-hostname=localhost
      both info --object $x509/client --image-opts ${options/localhost/127.0.0.1}
      both info --object $x509/client "json:{\\"driver\\":\\"nbd\\",\\"server\\":{\\"type\\":\\"inet\\",\\
      \\"host\\":\\"localhost\\",\\"port\\":\\"$port\\"},\\"export\\":\\"disk\\",\\"tls-creds\\":\\"t\\"}"
      both measure --object $x509/client -O qcow2 --image-opts $options
      both compare --object $x509/client --image-opts $options driver=raw,file.filename=disk.raw
      both check --object $x509/client --image-opts $options
      ours/strata convert --object $x509/client -O raw --image-opts $options copy; cmp copy disk.raw
      ours/strata dd --object $x509/client --image-opts if=$options of=copy; cmp copy disk.raw
      head -c 4M /dev/urandom >new
      ours/strata convert --object $x509/client -n --image-opts driver=raw,file.filename=new \\
        --target-image-opts $options
      cmp new disk.raw
      """)
    #expect(outcome == Self.silence)
  }

  @Test("whom the certificates do not prove is not talked to, in the peer's words where the library has them")
  func distrust() {
    let outcome = run(
      """
      serve --object $certificates --tls-creds s
      secured=$options,tls-creds=t
      both info nbd://localhost:$port/disk
      both info --image-opts $options,tls-hostname=localhost
      both info --object $x509/guest --image-opts $secured
      both info --object $x509/foreign,verify-peer=off --image-opts $secured
      both info --object $psk/psk --image-opts $secured
      both info --object $x509/client --image-opts ${secured/=disk/=other}
      # A server that nobody whom we trust has signed, and one that is not called as its certificate says.
      ! ours/strata info --object $x509/foreign --image-opts $secured 2>error
      grep -q 'TLS handshake failed: Error in the certificate verification' error
      grep -q "hint: The server's certificate must be for 'localhost'" error
      finish
      qemu-nbd -t -e 8 -x disk -f raw -p $port --pid-file pid2 --object $certificates --tls-creds s disk.raw \\
        2>server.log & server=$!
      for _ in $(seq 200); do [[ -s pid2 ]] && break; sleep 0.05; done
      ! ours/strata info --object $x509/client --image-opts ${secured/localhost/127.0.0.2} 2>error
      grep -q 'TLS handshake failed: Error in the certificate verification' error
      ours/strata info --object $x509/client,verify-peer=off --image-opts ${secured/localhost/127.0.0.2} >info
      """)
    #expect(outcome == Self.silence)
  }

  @Test("nothing is sent in the clear where TLS is asked for")
  func plainServer() {
    let outcome = run(
      """
      serve
      both info --object $x509/client --image-opts $options,tls-creds=t
      both info --object $psk/psk --image-opts $options,tls-creds=t
      ! ours/strata info nbds://localhost:$port/disk 2>error
      grep -q 'Denied by server for option 5 (starttls)' error
      """)
    #expect(outcome == Self.silence)
  }

  @Test("a key that both know is proof enough")
  func sharedKey() {
    let outcome = run(
      """
      serve_unix --object $key --tls-creds s
      both info --object $psk/psk --image-opts $options,tls-creds=t
      both info --object $psk/wrong --image-opts $options,tls-creds=t
      ours/strata convert --object $psk/psk -O raw --image-opts $options,tls-creds=t copy; cmp copy disk.raw
      """)
    #expect(outcome == Self.silence)
  }

  @Test("a socket of this machine has no name that a certificate could be for")
  func noHostname() {
    let outcome = run(
      """
      serve_unix --object $certificates --tls-creds s
      options+=,tls-creds=t
      both info --object $x509/client --image-opts $options
      both info --object $x509/client,verify-peer=off --image-opts $options
      # It is looked at, or it is told that the library cannot.
      ! ours/strata info --object $x509/client --image-opts $options,tls-hostname=elsewhere 2>error
      grep -qE 'needs libnbd 1.22|certificate verification' error
      """)
    #expect(outcome == Self.silence)
  }

  @Test("the other server there is", arguments: ["certificates", "psk"])
  func nbdkit(_ kind: String) {
    let outcome = run(
      """
      if [[ \(kind) == psk ]]; then
        server="--tls-psk=psk/keys.psk" object=$psk/psk
      else
        server="--tls-certificates=$PWD/server --tls-verify-peer" object=$x509/client
      fi
      for port in $(shuf -i 20000-60000 -n 20); do
        nbdkit -P pid -i 127.0.0.1 -p $port --tls=require $server file disk.raw 2>log && break
      done
      server=$(cat pid); trap finish EXIT
      both info --object $object --image-opts driver=nbd,host=localhost,port=$port,tls-creds=t
      ours/strata convert --object $object -O raw \\
        --image-opts driver=nbd,host=localhost,port=$port,tls-creds=t copy
      cmp copy disk.raw
      """)
    #expect(outcome == Self.silence)
  }

  @Test("why there is no connection is told in the peer's words")
  func words() {
    let outcome = run(
      """
      for name in 'json:{"driver": "nbd", "host": -1}' nbd://-1 nbd://-1:10/x nbd:-1:10:exportname=x \\
        nbd://localhost:1 'nbd://[::1]:1' nbd:127.0.0.1:1 nbd:unix:/nowhere/socket nbd:unix: nbd: nbd:h nbd:// \\
        'nbd+unix:///x?socket=/nowhere' nbd+unix:///x?socket=disk.raw nbd+unix:///x nbd:///x nbd://h:x nbd://a%zz \\
        'nbd://h?socket=s' 'nbd+unix://h/x?socket=s' 'nbd+unix:///x?socket=s&a=b' 'nbd+unix:///x?socket=/a%20b'; do
        both info "$name"
        both convert -O raw "$name" out
        both compare disk.raw "$name"
      done
      both info --image-opts driver=nbd,path=nowhere
      both info --image-opts driver=nbd,server.type=inet,server.host=localhost,server.port=nothing
      for count in 107 108 109; do both info --image-opts driver=nbd,path=$(printf %${count}s | tr ' ' x); done
      both create -f raw nbd://localhost:1 1M
      both create -f qcow2 nbd:unix:/nowhere 1M
      both create -f qcow2 -b nbd://localhost:1 -F raw overlay
      both convert -O qcow2 disk.raw nbd://localhost:1
      """)
    #expect(outcome == Self.silence)
  }
}

# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

PREFIX ?= /usr/local
DESTDIR ?=
STRATA = .build/release/strata
SWIFT_SOURCES = Package.swift Sources Tests

.PHONY: demo test build release install bench tsan format lint record packages

demo: packages release           ## makes, converts, compares and checks a real image
	Scripts/demo $(STRATA)

test: packages build release     ## builds everything and runs every test
	Scripts/test

build:
	swift build --build-tests

release:
	swift build -c release --static-swift-stdlib --product strata -Xlinker -s

install: release
	install -D -m 755 $(STRATA) $(DESTDIR)$(PREFIX)/bin/strata

bench: packages release          ## times the suite against the installed qemu-img
	Benchmarks/run $(STRATA)

tsan: packages                   ## converts with many threads under the thread sanitizer
	Scripts/tsan

format:
	swift format -i -r -p $(SWIFT_SOURCES)

lint:
	swift format lint --strict -r -p $(SWIFT_SOURCES)

record: build                    ## writes expected command output anew; review the diff
	Tests/Golden/record qemu-img
	Tests/Golden/record .build/debug/strata $$(grep -rlx '# beyond the peer: .*' Tests/Golden/cases)

packages:
	Scripts/install-packages

# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

PREFIX ?= /usr/local
DESTDIR ?=
QEMU_IMG_LINK ?= no
STRATA = .build/release/strata
# A short command is over in 4 ms, and was in 5.5: relative relocations in a table of bits, no table of names that others may
# use, the C++ library (which the Swift runtime alone needs) inside, and what Scripts/program.ld tells. A file that was not
# written through a mapping is in memory in larger pieces.
STATIC = .build/static
LINK = -Xlinker -s -Xswiftc -Xclang-linker -Xswiftc -fuse-ld=lld -Xlinker -z -Xlinker pack-relative-relocs \
  -Xlinker --no-export-dynamic -Xlinker --no-mmap-output-file -Xlinker -T -Xlinker Scripts/program.ld -Xswiftc -Xclang-linker -Xswiftc -L$(STATIC)
SWIFT_SOURCES = Package.swift Sources Tests Fuzz

.PHONY: demo test build release install uninstall deb generate bench fuzz tsan structure format lint record packages

demo: packages release           ## makes, converts, compares and checks a real image
	Scripts/demo $(STRATA)

test: packages build release     ## builds everything and runs every test
	Scripts/test

build:
	swift build --build-tests

release: $(STATIC)
	swift build -c release --static-swift-stdlib --product strata $(LINK)

# Found before the shared one.
$(STATIC):
	mkdir -p $@
	if library=$$(clang -print-file-name=libstdc++.a); then ln -sf "$$library" $@; fi

install: release                 ## program, links, manuals, completions; QEMU_IMG_LINK=yes for a link qemu-img
	DESTDIR=$(DESTDIR) Scripts/install $(STRATA) $(PREFIX) $(if $(filter yes,$(QEMU_IMG_LINK)),qemu-img)

uninstall:
	DESTDIR=$(DESTDIR) Scripts/install --remove $(PREFIX)

deb: release                     ## a Debian package under .build
	QEMU_IMG_LINK=$(QEMU_IMG_LINK) Scripts/package-debian $(STRATA) .build

generate: release                ## writes manuals and completions anew from the commands' declarations
	Scripts/generate $(STRATA)

bench: packages release          ## times the suite against the installed qemu-img
	Benchmarks/run $(STRATA)

tsan: packages                   ## converts with many threads under the thread sanitizer
	Scripts/tsan

fuzz:                            ## feeds each fuzz target for FUZZ_SECONDS (60)
	Scripts/fuzz

structure:                       ## modules, their dependencies, and the types by the files they stand in
	@Scripts/structure

format:
	swift format -i -r -p $(SWIFT_SOURCES)

lint:
	swift format lint --strict -r -p $(SWIFT_SOURCES)

record: build                    ## writes expected command output anew; review the diff
	Tests/Golden/record qemu-img
	Tests/Golden/record .build/debug/strata $$(grep -rlx '# beyond the peer: .*' Tests/Golden/cases)

packages:
	Scripts/install-packages

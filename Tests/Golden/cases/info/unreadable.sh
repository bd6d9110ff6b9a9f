# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0

blank a.raw 4k
chmod 0 a.raw
run without_override strata info a.raw
run without_override strata info -f qcow2 a.raw
run without_override strata info --output=json a.raw
mkdir folder
blank folder/b.raw 4k
chmod 0 folder
run without_override strata info folder/b.raw
chmod 755 folder

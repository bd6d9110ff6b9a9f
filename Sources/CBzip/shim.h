// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in libbz2. There is no link line: the library is loaded when an image needs it.

#include <stddef.h>
#include <bzlib.h>

typedef __typeof__(&BZ2_bzBuffToBuffDecompress) strata_bz_decompress;
typedef __typeof__(&BZ2_bzBuffToBuffCompress) strata_bz_compress;

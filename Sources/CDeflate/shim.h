// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in libdeflate. There is no link line: the library is loaded when the first disk is
// written that has to become small.

#include <libdeflate.h>

typedef __typeof__(&libdeflate_alloc_compressor) strata_deflate_alloc;
typedef __typeof__(&libdeflate_free_compressor) strata_deflate_free;
typedef __typeof__(&libdeflate_zlib_compress) strata_deflate_zlib;

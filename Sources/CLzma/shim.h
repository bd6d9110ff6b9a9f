// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in liblzma. There is no link line: the library is loaded when an image needs it.

#include <lzma.h>

typedef __typeof__(&lzma_stream_buffer_decode) strata_lzma_decode;
typedef __typeof__(&lzma_easy_buffer_encode) strata_lzma_encode;

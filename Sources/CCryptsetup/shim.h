// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in libcryptsetup. There is no link line: the library, which brings nine others, is
// loaded when the first LUKS header is touched.

#include <libcryptsetup.h>

// The macro's cast hides it from Swift.
static const unsigned STRATA_PBKDF_NO_BENCHMARK = CRYPT_PBKDF_NO_BENCHMARK;

typedef __typeof__(&crypt_init) strata_crypt_init;
typedef __typeof__(&crypt_free) strata_crypt_free;
typedef __typeof__(&crypt_load) strata_crypt_load;
typedef __typeof__(&crypt_format) strata_crypt_format;
typedef __typeof__(&crypt_set_log_callback) strata_crypt_set_log_callback;
typedef __typeof__(&crypt_set_rng_type) strata_crypt_set_rng_type;
typedef __typeof__(&crypt_set_data_offset) strata_crypt_set_data_offset;
typedef __typeof__(&crypt_set_pbkdf_type) strata_crypt_set_pbkdf_type;
typedef __typeof__(&crypt_metadata_locking) strata_crypt_metadata_locking;
typedef __typeof__(&crypt_volume_key_get) strata_crypt_volume_key_get;
typedef __typeof__(&crypt_volume_key_verify) strata_crypt_volume_key_verify;
typedef __typeof__(&crypt_keyslot_add_by_volume_key) strata_crypt_keyslot_add_by_volume_key;
typedef __typeof__(&crypt_keyslot_destroy) strata_crypt_keyslot_destroy;

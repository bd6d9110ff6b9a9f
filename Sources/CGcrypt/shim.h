// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in libgcrypt. There is no link line: the library is loaded when a cipher is first
// needed that OpenSSL lacks.

#include <gcrypt.h>

typedef __typeof__(&gcry_check_version) strata_gcry_check_version;
typedef __typeof__(&gcry_cipher_open) strata_gcry_cipher_open;
typedef __typeof__(&gcry_cipher_close) strata_gcry_cipher_close;
typedef __typeof__(&gcry_cipher_setkey) strata_gcry_cipher_setkey;
typedef __typeof__(&gcry_cipher_setiv) strata_gcry_cipher_setiv;
typedef __typeof__(&gcry_cipher_setctr) strata_gcry_cipher_setctr;
typedef __typeof__(&gcry_cipher_encrypt) strata_gcry_cipher_crypt;
typedef __typeof__(&gcry_kdf_open) strata_gcry_kdf_open;
typedef __typeof__(&gcry_kdf_compute) strata_gcry_kdf_compute;
typedef __typeof__(&gcry_kdf_final) strata_gcry_kdf_final;
typedef __typeof__(&gcry_kdf_close) strata_gcry_kdf_close;

/// Calls gcry_control, whose arguments depend on the command, which Swift cannot.
static inline unsigned strata_gcry_control(void *control, int command) {
  return ((__typeof__(&gcry_control))control)((enum gcry_ctl_cmds)command, 0);
}

// Macros hide these from Swift, or enumerations make them cumbersome.
static const int STRATA_GCRY_INITIALIZED_P = GCRYCTL_INITIALIZATION_FINISHED_P;
static const int STRATA_GCRY_INITIALIZED = GCRYCTL_INITIALIZATION_FINISHED;
static const int STRATA_GCRY_NO_SECURE_MEMORY = GCRYCTL_DISABLE_SECMEM;
static const int STRATA_GCRY_AES192 = GCRY_CIPHER_AES192;
static const int STRATA_GCRY_CAST5 = GCRY_CIPHER_CAST5;
static const int STRATA_GCRY_SERPENT128 = GCRY_CIPHER_SERPENT128;
static const int STRATA_GCRY_SERPENT192 = GCRY_CIPHER_SERPENT192;
static const int STRATA_GCRY_SERPENT256 = GCRY_CIPHER_SERPENT256;
static const int STRATA_GCRY_TWOFISH128 = GCRY_CIPHER_TWOFISH128;
static const int STRATA_GCRY_TWOFISH256 = GCRY_CIPHER_TWOFISH;
static const int STRATA_GCRY_CAMELLIA128 = GCRY_CIPHER_CAMELLIA128;
static const int STRATA_GCRY_CAMELLIA192 = GCRY_CIPHER_CAMELLIA192;
static const int STRATA_GCRY_CAMELLIA256 = GCRY_CIPHER_CAMELLIA256;
static const int STRATA_GCRY_ECB = GCRY_CIPHER_MODE_ECB;
static const int STRATA_GCRY_CBC = GCRY_CIPHER_MODE_CBC;
static const int STRATA_GCRY_CTR = GCRY_CIPHER_MODE_CTR;
static const int STRATA_GCRY_XTS = GCRY_CIPHER_MODE_XTS;
static const int STRATA_GCRY_ARGON2 = GCRY_KDF_ARGON2;
static const int STRATA_GCRY_ARGON2I = GCRY_KDF_ARGON2I;
static const int STRATA_GCRY_ARGON2ID = GCRY_KDF_ARGON2ID;

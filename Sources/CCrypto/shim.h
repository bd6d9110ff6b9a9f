// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in OpenSSL's libcrypto. There is no link line: the library is loaded on first use,
// since loading it takes longer than everything else that most commands do.

#include <openssl/evp.h>

typedef __typeof__(&EVP_CIPHER_CTX_new) strata_cipher_ctx_new;
typedef __typeof__(&EVP_CIPHER_CTX_free) strata_cipher_ctx_free;
typedef __typeof__(&EVP_CIPHER_CTX_set_padding) strata_cipher_ctx_set_padding;
typedef __typeof__(&EVP_get_cipherbyname) strata_cipher_by_name;
typedef __typeof__(&EVP_get_digestbyname) strata_digest_by_name;
typedef __typeof__(&EVP_CipherInit_ex) strata_cipher_init;
typedef __typeof__(&EVP_Cipher) strata_cipher;
typedef __typeof__(&EVP_Digest) strata_digest;
typedef __typeof__(&PKCS5_PBKDF2_HMAC) strata_pbkdf2;
typedef __typeof__(&EVP_MD_CTX_new) strata_digest_ctx_new;
typedef __typeof__(&EVP_MD_CTX_free) strata_digest_ctx_free;
typedef __typeof__(&EVP_DigestInit_ex) strata_digest_init;
typedef __typeof__(&EVP_DigestUpdate) strata_digest_update;
typedef __typeof__(&EVP_DigestFinal_ex) strata_digest_final;
typedef __typeof__(&EVP_MD_get_size) strata_digest_size;

// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The types of what is called in libnbd. There is no link line: the library is loaded when the first export of a
// server is opened.

#include <libnbd.h>

typedef __typeof__(&nbd_create) strata_nbd_create;
typedef __typeof__(&nbd_close) strata_nbd_close;
typedef __typeof__(&nbd_shutdown) strata_nbd_shutdown;
typedef __typeof__(&nbd_get_error) strata_nbd_get_error;
typedef __typeof__(&nbd_get_errno) strata_nbd_get_errno;
typedef __typeof__(&nbd_set_export_name) strata_nbd_set_export_name;
typedef __typeof__(&nbd_add_meta_context) strata_nbd_add_meta_context;
typedef __typeof__(&nbd_can_meta_context) strata_nbd_can_meta_context;
typedef __typeof__(&nbd_connect_unix) strata_nbd_connect_unix;
typedef __typeof__(&nbd_connect_tcp) strata_nbd_connect_tcp;
typedef __typeof__(&nbd_set_tls) strata_nbd_set_tls;
typedef __typeof__(&nbd_set_tls_verify_peer) strata_nbd_set_tls_verify_peer;
// One type for what sets a text: nbd_set_tls_certificates, _psk_file, _username; and, since libnbd 1.22, _hostname.
typedef __typeof__(&nbd_set_tls_certificates) strata_nbd_set_text;
typedef __typeof__(&nbd_set_debug) strata_nbd_set_debug;
typedef __typeof__(&nbd_set_debug_callback) strata_nbd_set_debug_callback;
typedef __typeof__(&nbd_clear_debug_callback) strata_nbd_clear_debug_callback;
typedef __typeof__(&nbd_get_size) strata_nbd_get_size;
typedef __typeof__(&nbd_get_block_size) strata_nbd_get_block_size;
// One type for nbd_is_read_only and all nbd_can_* and nbd_aio_is_* that take nothing but the handle.
typedef __typeof__(&nbd_is_read_only) strata_nbd_ability;
typedef __typeof__(&nbd_pread) strata_nbd_pread;
typedef __typeof__(&nbd_pwrite) strata_nbd_pwrite;
typedef __typeof__(&nbd_flush) strata_nbd_flush;
// nbd_trim and nbd_zero.
typedef __typeof__(&nbd_zero) strata_nbd_range_command;
typedef __typeof__(&nbd_block_status) strata_nbd_block_status;

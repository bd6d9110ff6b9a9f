// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0
import Testing

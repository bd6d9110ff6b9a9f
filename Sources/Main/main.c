// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

// The words of the command line are bytes, and they are here: Swift's own CommandLine takes them for text, and finds
// none where there is no /proc.

int strata_main(int count, char **words);

int main(int count, char **words) { return strata_main(count, words); }

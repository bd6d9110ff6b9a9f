# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
# Written by 'strata completion'; 'make generate' writes it anew.

function __strata_complete
  set -l before (commandline -opc)
  # Quotes say nothing about the name.
  set -l current (commandline -ct | string replace -ra '[\'"\\\\]' '')
  set -l position (count $before)
  # What follows the cursor may name the image whose snapshots are meant.
  set -l after
  set -l all (commandline -op)
  if test (count $all) -gt (math $position + 1)
    set after $all[(math $position + 2)..-1]
  end
  for answer in ($before[1] __complete $position $before "$current" $after 2>/dev/null)
    if string match -q -- ':files *' $answer
      set -l prefix (string replace -- ':files ' '' $answer)
      set -l name (string sub -s (math (string length -- "$prefix") + 1) -- "$current")
      for file in (__fish_complete_path "$name")
        echo -- "$prefix$file"
      end
    else
      echo -- $answer
    end
  end
end

for name in strata qemu-img strata-amend strata-bench strata-bitmap strata-check strata-checksum strata-commit strata-compare strata-completion strata-convert strata-create strata-dd strata-formats strata-graph strata-info strata-inspect strata-luks strata-map strata-measure strata-rebase strata-resize strata-snapshot
  complete -c $name -f -a '(__strata_complete)'
end

# Copyright 2026 The Strata authors
# SPDX-License-Identifier: Apache-2.0
# Written by 'strata completion'; 'make generate' writes it anew.

_strata() {
  local rest=$COMP_LINE word count=-1 index position= current= before space
  local -a words=() names=()
  # Bash takes words apart at = and :, which are put together here again.
  for ((index = 0; index < ${#COMP_WORDS[@]}; index++)); do
    word=${COMP_WORDS[index]}
    space=${rest%%[![:space:]]*}
    rest=${rest#"$space"}
    if [[ $index -eq 0 || -n $space ]]; then
      words+=("")
      count=$((count + 1))
    fi
    if ((index == COMP_CWORD)); then
      # Only what stands before the cursor.
      before=$((COMP_POINT - (${#COMP_LINE} - ${#rest})))
      position=$count
      current=${words[count]}${word:0:$((before > 0 ? before : 0))}
    fi
    words[count]+=$word
    rest=${rest#"$word"}
  done
  [[ -n $position ]] || return 0
  # Quotes say nothing about the name.
  current=${current//[\"\'\\]/}
  words[position]=$current

  local answer prefix file open=yes
  COMPREPLY=()
  while IFS= read -r answer; do
    if [[ $answer == ":files "* ]]; then
      prefix=${answer#:files }
      compopt -o filenames 2>/dev/null
      # A name may hold line feeds, so that no list of lines will do; only a tilde needs one.
      if [[ ${current#"$prefix"} == "~"* ]]; then
        mapfile -t names < <(compgen -f -- "${current#"$prefix"}")
      else
        names=("${current#"$prefix"}"*)
        [[ -e ${names[0]} || -L ${names[0]} ]] || names=()
      fi
      for file in "${names[@]}"; do COMPREPLY+=("$prefix$file"); done
      open=no
    else
      answer=${answer%%$'\t'*}
      COMPREPLY+=("$answer")
      [[ $answer == *[=:,] ]] || open=no
    fi
  done < <("${words[0]}" __complete "$position" "${words[@]}" 2>/dev/null)
  if [[ $current == *[=:]* && $COMP_WORDBREAKS == *[=:]* ]]; then
    # What bash does not take for a part of the word must not be put in twice.
    local cut=${current%"${current##*[=:]}"}
    for index in "${!COMPREPLY[@]}"; do
      COMPREPLY[index]=${COMPREPLY[index]#"$cut"}
    done
  fi
  if [[ $open == yes ]]; then compopt -o nospace 2>/dev/null; fi
  return 0
}
complete -F _strata strata qemu-img strata-amend strata-bench strata-bitmap strata-check strata-checksum strata-commit strata-compare strata-completion strata-convert strata-create strata-dd strata-formats strata-graph strata-info strata-inspect strata-luks strata-map strata-measure strata-rebase strata-resize strata-snapshot

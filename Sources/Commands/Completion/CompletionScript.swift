// Copyright 2026 The Strata authors
// SPDX-License-Identifier: Apache-2.0

/// The completion scripts. They only carry words back and forth; the program answers which words may stand where.
enum CompletionScript {
  /// The shells that there is a script for.
  enum Shell: String, CaseIterable {
    case bash, zsh, fish
  }

  /// The script for a shell.
  static func text(for shell: Shell) -> String {
    let names = Program.commands.map { "strata-" + $0.name }.joined(separator: " ")
    let script =
      switch shell {
      case .bash: note + bash
      case .zsh: "#compdef strata qemu-img -p strata-*\n" + note + zsh
      case .fish: note + fish
      }
    return script.replacing("@COMMANDS@", with: names)
  }

  private static let note = """
    # Copyright 2026 The Strata authors
    # SPDX-License-Identifier: Apache-2.0
    # Written by 'strata completion'; 'make generate' writes it anew.

    """

  private static let bash = #"""

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
    complete -F _strata strata qemu-img @COMMANDS@

    """#

  private static let zsh = #"""

    _strata() {
      local answer prefix word
      local -a line plain described open
      line=("${(@Q)words}")
      line[CURRENT]=${(Q)PREFIX}
      for answer in "${(@f)$("${line[1]}" __complete $((CURRENT - 1)) "${line[@]}" 2>/dev/null)}"; do
        if [[ $answer == ':files '* ]]; then
          prefix=${answer#:files }
          if [[ -n $prefix ]]; then compset -P "${(b)prefix}"; fi
          _files
        elif [[ -n $answer ]]; then
          word=${answer%%$'\t'*}
          if [[ $word == *[=:,] ]]; then
            open+=("$word")
          else
            plain+=("$word")
            if [[ $answer == *$'\t'* ]]; then word+="  -- ${answer#*$'\t'}"; fi
            described+=("$word")
          fi
        fi
      done
      if (($#open)); then compadd -S '' -- "${open[@]}"; fi
      if (($#plain)); then compadd -l -d described -- "${plain[@]}"; fi
      return 0
    }
    if [[ $funcstack[1] == _strata ]]; then
      _strata "$@"
    else
      compdef _strata strata qemu-img
      compdef -p _strata 'strata-*'
    fi

    """#

  private static let fish = #"""

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

    for name in strata qemu-img @COMMANDS@
      complete -c $name -f -a '(__strata_complete)'
    end

    """#
}

/** What makes a shell ask `paddock complete` for what may follow the words that were typed. */

/** `word<tab>description` lines, and `:files` where a path is meant, come back. */
export const COMPLETION_SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_paddock() {
  local line typed="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == :files ]]; then
      compopt -o filenames
      while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$typed")
    else
      COMPREPLY+=("$(printf %q "\${line%%$'\\t'*}")")
    fi
  done < <(paddock complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _paddock paddock`,
  zsh: `#compdef paddock
_paddock() {
  local line files=0 ret=1
  local -a found
  for line in "\${(@f)$(paddock complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) files=1 ;;
      ?*) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( $#found )) && _describe paddock found && ret=0
  (( files )) && _files && ret=0
  return ret
}
compdef _paddock paddock`,
  fish: `function __paddock_complete
  set -l words (commandline -opc)
  for line in (paddock complete -- $words[2..] (commandline -ct) 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c paddock -f -a '(__paddock_complete)'`,
};

# Completion of popcorn in bash: source <(popcorn completion bash)
_popcorn() {
    local word=${COMP_WORDS[COMP_CWORD]} found
    found=$("$1" "[suggest:$COMP_POINT]" "$COMP_LINE" 2>/dev/null)

    # Options only for a word that begins like one: elsewhere they would hide the names of files.
    [[ $word == -* ]] || found=$(grep -v '^[-/]' <<<"$found")
    mapfile -t COMPREPLY < <(compgen -W "$found" -- "$word")
}
complete -o default -F _popcorn popcorn

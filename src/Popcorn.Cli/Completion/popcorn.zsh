#compdef popcorn
# Completion of popcorn in zsh: source <(popcorn completion zsh)
_popcorn() {
    local -a found
    found=("${(@f)$("${words[1]}" "[suggest:$CURSOR]" "$BUFFER" 2>/dev/null)}")

    # Options only for a word that begins like one: elsewhere they would hide the names of files.
    [[ $PREFIX == -* ]] || found=("${(@)found:#[-\/]*}")
    compadd -- "${(@)found:#}" || _files
}
compdef _popcorn popcorn

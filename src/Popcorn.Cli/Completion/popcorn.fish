# Completion of popcorn in fish: popcorn completion fish | source
function __popcorn_complete
    set -l line (commandline -cp)
    popcorn "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null | string match -rv '^/'
end
complete -c popcorn -a '(__popcorn_complete)'

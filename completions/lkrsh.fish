# Made from the command line's definition by `make completions`; do not edit.
complete -c lkrsh -w lkr

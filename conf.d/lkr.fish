# lkr for fish, as a file to source: /usr/share/lkr/lkr.fish of a distribution, or conf.d/lkr.fish as fisher copies it.
# Finds lkr on PATH and sources its hook, kept in the cache folder, so that no Python starts.
set -l program (command -s lkr)
# What follows is also what `lkr install` writes.
if status is-interactive; and test -x "$program"
    set -l kept $HOME/.cache
    test -n "$XDG_CACHE_HOME"; and set kept $XDG_CACHE_HOME
    set kept $kept/lkr/hook.fish
    # It has the date of the program that wrote it: another program, or version, has another one.
    if not test -O "$kept" -a "$(path mtime -- $kept)" = "$(path mtime -- $program)"
        /bin/sh -c 'umask 077
            mkdir -p "${2%/*}" && "$1" hook fish >"$2.$$" && touch -r "$1" "$2.$$" && mv -f "$2.$$" "$2"' sh $program $kept 2>/dev/null
    end
    test -O "$kept"; and source $kept
    test -e "$__lkr_boot" -a -x "$__lkr_python"; or $program hook fish | source # moved, or nowhere to keep it
end

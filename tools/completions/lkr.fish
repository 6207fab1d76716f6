# Completion of lkr for fish. @MADE@

# Where the cursor is: the command in __lkr_command, which of its arguments in __lkr_place; __lkr_end when no option can
# follow; for a command that runs another, the number of that word in __lkr_offset.
function __lkr_look
    set -l now "$(commandline -cp)"
    test "$now" = "$__lkr_seen"; and return
    set -g __lkr_seen $now
    set -g __lkr_command ''
    set -g __lkr_place 1
    set -g __lkr_end
    set -g __lkr_offset
    set -l option
    set -l number 0
    for word in (commandline -opc)
        set number (math $number + 1)
        if test $number = 1
            continue
        else if set -q option[1]
            set option
        else if test -z "$__lkr_end"; and test "$word" = --
            set __lkr_end 1
        else if test -z "$__lkr_end"; and string match -q -- '-*' $word
            contains -- $word @VALUED@; and set option $word
        else if contains -- "$__lkr_command" '' @GROUPS@
            set __lkr_command (string trim -- "$__lkr_command $word")
        else
            set __lkr_place (math $__lkr_place + 1)
            if contains -- $__lkr_command exec agent-env
                set __lkr_end 1
                set -q __lkr_offset[1]; or set __lkr_offset $number
            end
        end
    end
end

# True at the command $argv[1], at its argument number $argv[2].
function __lkr_at
    __lkr_look
    test "$__lkr_command" = $argv[1]; or return 1
    not set -q argv[2]; or test $__lkr_place = $argv[2]
end

function __lkr_options
    __lkr_look
    test "$__lkr_command" = $argv[1] -a -z "$__lkr_end"
end

# The names in the manifest that have a source, then those in the index: INDEX/STORE/PROVIDER/LABEL, or for
# SOURCE/PROVIDER:LABEL SOURCE~PROVIDER/LABEL. Of very many, first the providers.
function __lkr_keys
    __lkr_manifest '^.*"([a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*)".*'
    set -l root $HOME/.local/share
    set -q XDG_DATA_HOME[1]; and set root $XDG_DATA_HOME
    test -d "$HOME/Library/Application Support/lkr"; and set root "$HOME/Library/Application Support"
    set -l name (commandline -ct | string replace -r '^(.*=)?["\']?' '' | string replace / '~' | string split -m 1 :)
    set -l paths
    if set -q name[2]
        set paths $root/lkr/index/*/$name[1]/$name[2]*
    else
        for folder in $root/lkr/index/*/*
            set -a paths $folder/*
            if set -q paths[1000]
                string replace -r '.*/([^/]+)$' '$1:' -- $root/lkr/index/*/* | string replace '~' /
                return
            end
        end
    end
    string replace -r '.*/([^/]+)/([^/]+)$' '$1:$2' -- $paths | string replace '~' / | string match -v '*@HIDDEN@'
end

# A key's name, or VARIABLE=NAME. Keys come first; every provider's variables only once a capital letter is typed.
function __lkr_pairs
    set -l head (commandline -ct | string replace -r '^--[a-z]+=' '' | string match -r '^.*=')
    if set -q head[1]
        string join \n -- $head(__lkr_keys)
    else
        __lkr_keys
        if commandline -ct | string match -qr '^(--[a-z]+=)?[A-Z_]'
            __lkr_variables
        else
            __lkr_wanted
        end
    end
end

# The name of a key that need not be there yet.
function __lkr_fresh
    __lkr_keys
    string split ' ' -- '@PROVIDERS@'
end

# What the pattern finds in the lines of the nearest manifest.
function __lkr_manifest
    set -l folder $PWD
    while test -n "$folder" -a ! -f "$folder/.lkr.toml"
        set folder (string replace -r '/[^/]*$' '' -- $folder)
    end
    for file in $folder/.lkr.toml $folder/.lkr.local.toml $folder/.lkr/members.toml
        test -f $file -a -r $file; and string replace -rf $argv[1] '$1' <$file
    end
end

function __lkr_profiles
    __lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].].*'
end

function __lkr_members
    __lkr_manifest '^([a-z0-9][a-z0-9-]*) = \{.*'
end

function __lkr_sources
    set -l root $HOME/.config
    set -q XDG_CONFIG_HOME[1]; and set root $XDG_CONFIG_HOME
    test -d "$HOME/Library/Application Support/lkr"; and set root "$HOME/Library/Application Support"
    test -r $root/lkr/config.toml
    and string replace -rf '^\[sources\.([a-z0-9-]+)\].*' '$1' <$root/lkr/config.toml
end

function __lkr_wanted
    __lkr_manifest '^\s*([A-Z][A-Z0-9_]*)\s*=.*'
end

function __lkr_variables
    __lkr_wanted
    string split ' ' -- '@VARIABLES@'
end

# A command of the system, then what that command completes by itself.
function __lkr_commands
    __lkr_look
    set -l words
    if set -q __lkr_offset[1]
        set words (commandline -opc)
        set words (string escape -- $words[$__lkr_offset..])
    end
    complete --do-complete="$(string join ' ' -- $words (commandline -ct))"
end

# @COMPLETIONS@

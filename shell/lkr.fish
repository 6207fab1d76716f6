# lkr for fish 3.6 and later: loads a project's keys on entering it, and removes them on leaving.
# `lkr hook fish` prints a preamble (where the program is) and then this file. While nothing changes between prompts,
# only builtins run, and no process starts.
#
# Child shells inherit the exported state, which holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported global variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either. A universal variable is only shadowed.

# Gives one variable its key's value, and saves its old value: VARIABLE KEY VALUE
# A variable that is more than one text stays as it is.
# The order matters: even after a Ctrl-C at any moment, everything that LKR_STATE lists can be removed.
function __lkr_set
    set -l __lkr_kind
    if set -qg --path $argv[1]
        set __lkr_kind 'a path variable'
    else if set -qg $argv[1]
        set -l __lkr_values $$argv[1]
        set -q __lkr_values[2]; and set __lkr_kind 'a list'
    end
    if test -n "$__lkr_kind"
        builtin echo "lkr: $argv[1] is $__lkr_kind in this shell, so lkr does not set it" >&2
        return
    end
    set -e -g LKR_OLD_$argv[1]
    set -e -g __lkr_old_$argv[1]
    if set -qg $argv[1]
        if set -qgx $argv[1]
            set -gx LKR_OLD_$argv[1] $$argv[1]
        else
            set -gu __lkr_old_$argv[1] $$argv[1]
        end
    end
    set -l __lkr_key (string replace -r '=.*' '' -- $argv[2])
    builtin contains -- $__lkr_key (string split ' ' -- $LKR_KEYS)
    or set -gx LKR_KEYS (string trim -- "$LKR_KEYS $__lkr_key")
    if test -n "$LKR_STATE"
        set -gx LKR_STATE "$LKR_STATE $argv[1]=$argv[2]"
    else
        set -gx LKR_STATE $argv[1]=$argv[2]
    end
    set -gx $argv[1] $argv[3]
end

# Says what was removed and loaded: words '-VARIABLE' and '+VARIABLE (key)'. Skips what did not load.
function __lkr_say
    set -l __lkr_line lkr:
    for __lkr_word in $argv
        set -l __lkr_name
        if string match -qr '^\+(?<__lkr_name>\w+)' -- $__lkr_word
            string match -q "* $__lkr_name=*" -- " $LKR_STATE"; or continue
        end
        set -a __lkr_line $__lkr_word
    end
    set -q __lkr_line[2]; and builtin echo "$__lkr_line" >&2
end

# Turns commands into functions, so that lkr starts each with its own keys: MODE COMMAND...
function __lkr_wrap
    set -l __lkr_mode $argv[1]
    for __lkr_name in $argv[2..]
        if builtin functions -q $__lkr_name
            set -l __lkr_but
            test $__lkr_mode = exec; or set __lkr_but '; it starts with this shell\'s keys'
            builtin echo "lkr: $__lkr_name is a function of yours, so lkr leaves it alone$__lkr_but" >&2
            continue
        end
        set -ga __lkr_wrapped $__lkr_name
        # The function contains the name as a word, so that `jobs` shows it.
        eval "function $__lkr_name
            if test -x \$__lkr_python -a -e \$__lkr_boot
                \$__lkr_python -I -S -X utf8 \$__lkr_boot \"\$__lkr_site\" $__lkr_mode $__lkr_name \$argv
            else
                command $__lkr_name \$argv
            end
        end"
    end
end

# Makes direnv restore what it saved, if it loaded something while our keys were set: it may have saved one of our keys,
# which must not come back once LKR_STATE no longer lists it.
function __lkr_let_go
    test -n "$LKR_STATE" -a -n "$DIRENV_DIFF"; and not set -q LKR_DIRENV; and test "$DIRENV_DIFF" != "$__lkr_diff"; or return 0
    builtin functions -q __direnv_export_eval; or return 0
    /bin/sh -c 'trap "" INT; cd / && exec direnv export fish 2>/dev/null' | builtin source
end

# Removes what is loaded, except variables that direnv has replaced since: those wait until direnv lets go.
# __lkr_gone gets the names of what was removed.
function __lkr_leave
    for __lkr_name in $__lkr_wrapped # one that the user defined since is theirs
        builtin functions $__lkr_name | string match -q '*__lkr_boot*'; and builtin functions -e $__lkr_name
    end
    set -g __lkr_wrapped
    __lkr_let_go
    set -g __lkr_gone
    set -l __lkr_kept
    set -l __lkr_todo (string split -n ' ' -- $LKR_STATE)
    while set -q __lkr_todo[1]
        set -l __lkr_word $__lkr_todo[1]
        set -e __lkr_todo[1]
        set -l __lkr_name # no command substitution from here on: each costs as much as all the rest
        string match -qr '^(?<__lkr_name>[A-Z_][A-Z0-9_]*|no_proxy)(?:=|$)' -- $__lkr_word; or continue
        if test -n "$LKR_DIRENV"; and builtin contains -- $__lkr_name (string split -n ' ' -- $LKR_DIRENV)
            set -a __lkr_kept $__lkr_word
            continue
        end
        set -l __lkr_old LKR_OLD_$__lkr_name
        set -e -g $__lkr_name
        if set -qg $__lkr_old
            set -gx $__lkr_name $$__lkr_old
        else
            set __lkr_old __lkr_old_$__lkr_name
            set -qg $__lkr_old; and set -gu $__lkr_name $$__lkr_old
        end
        if set -q __lkr_kept[1]
            set -gx LKR_STATE "$__lkr_kept $__lkr_todo"
        else
            set -gx LKR_STATE "$__lkr_todo"
        end
        set -e -g $__lkr_old
        set -a __lkr_gone -$__lkr_name
    end
    if set -q __lkr_kept[1]
        set -gx LKR_STATE "$__lkr_kept"
    else
        set -e -g LKR_STATE
        set -e -g LKR_DIR
        set -e -g LKR_KEYS
    end
end

# Takes what `export` says about the new state: GENERATION EXPIRY QUIET PROFILE OVER, then FILE TEXT pairs.
# OVER lists variables whose key expired while this shell was in the folder.
function __lkr_now
    set -g __lkr_gen $argv[1]
    set -g __lkr_until $argv[2]
    set -g __lkr_until_up # the same as seconds of uptime, where the system has a file that says so
    if test -n "$argv[2]" -a -r /proc/uptime
        read -l __lkr_up __lkr_idle </proc/uptime
        set __lkr_until_up (builtin math $__lkr_up + $argv[2] - (__lkr_clock))
    end
    set -g __lkr_quiet $argv[3]
    set -g __lkr_profile $argv[4]
    set -g __lkr_over $argv[5]
    set -g __lkr_files
    set -g __lkr_texts
    set -e argv[1..5]
    while set -q argv[2]
        set -a __lkr_files $argv[1]
        set -a __lkr_texts $argv[2]
        set -e argv[1..2]
    end
end

# The time in seconds, from the age of the generation's folder. fish has no other clock without a process.
function __lkr_clock
    builtin math (builtin path mtime -- $__lkr_generation) + (builtin path mtime -R -- $__lkr_generation)
end

# Puts the folders from $PWD up into __lkr_above, nearest first, with '' for the root.
function __lkr_climb
    set -g __lkr_pwd $PWD
    set -g __lkr_above ''
    set -l __lkr_path ''
    if string match -q "*
*" -- $PWD # a folder's name with a line break in it, which command substitution would split
        for __lkr_part in (string split -n / -- (string escape --style=url -- $PWD))
            string unescape --style=url -- $__lkr_part/ | read -lz -d / __lkr_name __lkr_rest
            set __lkr_path $__lkr_path/$__lkr_name
            set -p __lkr_above $__lkr_path
        end
    else
        for __lkr_part in (string split -n / -- $PWD)
            set __lkr_path $__lkr_path/$__lkr_part
            set -p __lkr_above $__lkr_path
        end
    end
end

# True when the state is still right for $argv[1], the folder of the nearest manifest.
function __lkr_same
    test "$argv[1]" = "$__lkr_at" -a "$LKR_PROFILE" = "$__lkr_profile" -a "$LKR_DIRENV_STATE" = "$__lkr_held"; or return 1
    set -l __lkr_text
    test -z "$__lkr_gen" -o -e $__lkr_generation/$__lkr_gen; or return 1
    if test -n "$__lkr_until_up"
        set -l __lkr_up
        set -l __lkr_idle
        read __lkr_up __lkr_idle </proc/uptime
        test "$__lkr_up" -lt $__lkr_until_up; or return 1
    else if test -n "$__lkr_until"
        test (__lkr_clock) -lt $__lkr_until; or return 1
    end
    set -l __lkr_left $__lkr_texts
    for __lkr_file in $__lkr_files
        if not test -e $__lkr_file
            set __lkr_text -
        else if test -f $__lkr_file -a -r $__lkr_file
            set -l fish_read_limit 1048577 # or somebody's huge file would take this shell's memory
            begin
                read -z __lkr_text
                set -l __lkr_end $status # 122: longer than that
                set __lkr_text "=$__lkr_text"
                test $__lkr_end = 122; or read -z; and set __lkr_text '!' # or with a NUL byte in it
            end <$__lkr_file
        else
            set __lkr_text '!'
        end
        test "$__lkr_text" = "$__lkr_left[1]"; or return 1
        set -e __lkr_left[1]
    end
end

function __lkr_check
    test "$PWD" = "$__lkr_pwd"; or __lkr_climb
    if not builtin path filter -q -- $__lkr_above/.lkr.toml
        set -g __lkr_at
        set -e -g LKR_ENDS
        if test -n "$LKR_STATE$__lkr_wrapped"
            set -l fish_trace
            set -l __lkr_before "$DIRENV_DIFF"
            __lkr_leave
            test "$__lkr_before" = "$DIRENV_DIFF"; or __direnv_export_eval
            __lkr_tell_gone
        end
        return
    end
    set -l __lkr_folder
    for __lkr_folder in $__lkr_above
        test -e $__lkr_folder/.lkr.toml; and break
    end
    test -n "$__lkr_folder"; or set __lkr_folder /
    __lkr_same "$__lkr_folder"; or __lkr_change "$__lkr_folder"
end

function __lkr_tell_gone
    if set -q __lkr_gone[1]; and test -z "$__lkr_quiet"; and builtin contains -- "$LKR_QUIET" '' 0
        builtin echo "lkr: $__lkr_gone" >&2
    end
end

# Removes what is loaded, and asks lkr what $argv[1], the folder of the nearest manifest, should have.
function __lkr_change
    set -l fish_trace # no trace while a key is about
    set -l __lkr_was $LKR_STATE
    if test "$argv[1]" != "$__lkr_at"
        set -g __lkr_over
        set -e -g LKR_ENDS
    end
    set -g __lkr_at # until it is done: Ctrl-C here means that the next prompt tries again
    test -n "$__lkr_was$__lkr_wrapped"; and __lkr_leave
    set -l __lkr_has_direnv
    if builtin functions -q __direnv_export_eval
        set __lkr_has_direnv 1
        if not set -q __lkr_first # defined anew, its turn at a prompt comes after ours; or it would see our keys
            set -g __lkr_first 1
            builtin functions __direnv_export_eval | builtin source
        end
        # direnv runs now, after our old keys are gone and before new ones arrive, so that it never takes a key for a
        # previous value of the shell.
        __direnv_export_eval
        set -g __lkr_diff "$DIRENV_DIFF"
    end
    # If direnv manages this folder with `use lkr`, it sets the keys, and we handle only agents and expiry times.
    set -g __lkr_held "$LKR_DIRENV_STATE"
    __lkr_now - '' "$__lkr_quiet" "$LKR_PROFILE" "$__lkr_over"
    if not test -x $__lkr_python -a -e $__lkr_boot
        set -q __lkr_lost; or builtin echo "lkr: the program was removed from $(string escape -- $__lkr_boot); after installing it again, run lkr install and open a new shell" >&2
        test -z "$__lkr_was"; or __lkr_tell_gone
        set -g __lkr_lost 1
        set -g __lkr_at $argv[1]
        return
    end
    # boot.py handles Ctrl-C once Python has started. Before that, it would print a traceback.
    set -l __lkr_start /bin/sh -c 'trap "" INT; exec "$@"' sh
    # These are words, not text to evaluate: `fish --profile` would record the key as part of a command.
    set -l __lkr_words (LKR_WAS="$__lkr_was" LKR_OVER="$__lkr_over" LKR_HAS_DIRENV="$__lkr_has_direnv" $__lkr_start $__lkr_python -I -S -X utf8 $__lkr_boot "$__lkr_site" fish $argv[1] "$__lkr_version" | string split0)
    while set -q __lkr_words[1]
        $__lkr_words[1] $__lkr_words[3..$__lkr_words[2]]
        set -e __lkr_words[1..$__lkr_words[2]]
    end
    test -n "$LKR_STATE"; and set -gx LKR_DIR $argv[1]
    set -g __lkr_at $argv[1]
end

function __lkr_hook --on-event fish_prompt --on-variable PWD
    set -l __lkr_before $status $pipestatus
    status is-command-substitution; or __lkr_check
    return $__lkr_before[1]
end

if not string match -qr '^(3\.([6-9]|\d\d)|[4-9]\.|\d\d)' -- $version
    builtin functions -e __lkr_hook
    builtin echo "lkr: fish $version is too old; lkr needs 3.6 or later" >&2
end
set -e __lkr_lost
set -e __lkr_first
set -g __lkr_at
set -g __lkr_gone
set -g __lkr_pwd
set -g __lkr_held
set -g __lkr_diff "$DIRENV_DIFF"
__lkr_now '' '' '' '' ''

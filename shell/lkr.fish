# lkr for fish 3.6 and later: loads a project's keys on entering it, takes them back on leaving.
# `lkr hook fish` prints a preamble (where the program is) and then this file. Between prompts in the same
# state only builtins run: no process starts.
#
# The state that child shells inherit is exported and holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported global variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either. A universal variable is only shadowed.

# Gives one variable its key's value, and saves what it held: VARIABLE KEY x|- VALUE
# The order matters: whatever instant Ctrl-C picks, what LKR_STATE lists can be taken back.
function __lkr_set
    set -e -g LKR_OLD_$argv[1]
    set -e -g __lkr_old_$argv[1]
    if set -qg $argv[1]
        if set -qgx $argv[1]
            set -gx LKR_OLD_$argv[1] $$argv[1]
        else
            set -gu __lkr_old_$argv[1] $$argv[1]
        end
    end
    if test -n "$LKR_STATE"
        set -gx LKR_STATE "$LKR_STATE $argv[1]=$argv[2]"
    else
        set -gx LKR_STATE $argv[1]=$argv[2]
    end
    set -gx $argv[1] $argv[4]
end

# Makes functions of commands, that the program starts with what is theirs: MODE COMMAND...
function __lkr_wrap
    set -l mode $argv[1]
    for name in $argv[2..]
        if functions -q $name
            set -l but
            test $mode = exec; or set but ': it starts with this shell\'s keys'
            echo "lkr: $name is a function of yours, left alone$but" >&2
            continue
        end
        set -ga __lkr_wrapped $name
        # The names stand in it as words, so that `jobs` tells the one from the other.
        eval "function $name
            if test -x \$__lkr_python -a -e \$__lkr_boot
                \$__lkr_python -I -S -X utf8 \$__lkr_boot \"\$__lkr_site\" $mode $name \$argv
            else
                command $name \$argv
            end
        end"
    end
end

# Has direnv put back what it found, where it has loaded anything while our keys were there: one may be among that, and
# is to be there only as long as LKR_STATE lists it.
function __lkr_let_go
    test -n "$LKR_STATE" -a -n "$DIRENV_DIFF"; and not set -q LKR_DIRENV; and test "$DIRENV_DIFF" != "$__lkr_diff"; or return 0
    functions -q __direnv_export_eval; or return 0
    /bin/sh -c 'trap "" INT; cd / && exec direnv export fish 2>/dev/null' | source
end

# Takes back what is loaded, except what direnv has set over it since; that waits for direnv to let go.
# The names of what went are in __lkr_gone.
function __lkr_leave
    for name in $__lkr_wrapped # one that the user defined since is theirs
        functions $name | string match -q '*__lkr_boot*'; and functions -e $name
    end
    set -g __lkr_wrapped
    __lkr_let_go
    set -g __lkr_gone
    set -l kept
    set -l todo (string split -n ' ' -- $LKR_STATE)
    while set -q todo[1]
        set -l word $todo[1]
        set -e todo[1]
        set -l name # no command substitution from here on: each costs as much as all the rest
        string match -qr '^(?<name>[A-Z_][A-Z0-9_]*)(?:=|$)' -- $word; or continue
        if test -n "$LKR_DIRENV"; and contains -- $name (string split -n ' ' -- $LKR_DIRENV)
            set -a kept $word
            continue
        end
        set -l old LKR_OLD_$name
        if set -qg $old
            set -gx $name $$old
        else
            set -e -g $name
            set old __lkr_old_$name
            set -qg $old; and set -gu $name $$old
        end
        if set -q kept[1]
            set -gx LKR_STATE "$kept $todo"
        else
            set -gx LKR_STATE "$todo"
        end
        set -e -g $old
        set -a __lkr_gone -$name
    end
    if set -q kept[1]
        set -gx LKR_STATE "$kept"
    else
        set -e -g LKR_STATE
        set -e -g LKR_DIR
        set -e -g LKR_KEYS
    end
end

# What `export` says about the state it leaves: GENERATION EXPIRY QUIET PROFILE OVER, then FILE TEXT pairs.
# OVER lists variables whose key's own time ran out while this shell was in the folder.
function __lkr_now
    set -g __lkr_gen $argv[1]
    set -g __lkr_until $argv[2]
    set -g __lkr_until_up # the same as seconds of uptime, where the system has a file that says so
    if test -n "$argv[2]" -a -r /proc/uptime
        read -l up idle </proc/uptime
        set __lkr_until_up (math $up + $argv[2] - (__lkr_clock))
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

# The time in seconds, as the age of the generation's folder: fish has no other clock without a process.
function __lkr_clock
    math (path mtime -- $__lkr_generation) + (path mtime -R -- $__lkr_generation)
end

# The folders from $PWD up, nearest first and '' for the root, in __lkr_above.
function __lkr_climb
    set -g __lkr_pwd $PWD
    set -g __lkr_above ''
    set -l at ''
    if string match -q "*
*" -- $PWD # a folder's name with a line break in it, which command substitution would split
        for part in (string split -n / -- (string escape --style=url -- $PWD))
            string unescape --style=url -- $part/ | read -lz -d / name rest
            set at $at/$name
            set -p __lkr_above $at
        end
    else
        for part in (string split -n / -- $PWD)
            set at $at/$part
            set -p __lkr_above $at
        end
    end
end

# True when the state is still the right one for $argv[1], the folder of the nearest manifest.
function __lkr_same
    test "$argv[1]" = "$__lkr_at" -a "$LKR_PROFILE" = "$__lkr_profile" -a "$LKR_DIRENV_STATE" = "$__lkr_held"; or return 1
    set -l text
    test -z "$__lkr_gen" -o -e $__lkr_generation/$__lkr_gen; or return 1
    if test -n "$__lkr_until_up"
        set -l up
        set -l idle
        read up idle </proc/uptime
        test "$up" -lt $__lkr_until_up; or return 1
    else if test -n "$__lkr_until"
        test (__lkr_clock) -lt $__lkr_until; or return 1
    end
    set -l texts $__lkr_texts
    for file in $__lkr_files
        if not test -e $file
            set text -
        else if test -f $file -a -r $file
            set -l fish_read_limit 1048577 # or somebody's huge file would take this shell's memory
            begin
                read -z text
                set -l end $status # 122: longer than that
                set text "=$text"
                test $end = 122; or read -z; and set text '!' # or with a NUL byte in it
            end <$file
        else
            set text '!'
        end
        test "$text" = "$texts[1]"; or return 1
        set -e texts[1]
    end
end

function __lkr_check
    test "$PWD" = "$__lkr_pwd"; or __lkr_climb
    if not path filter -q -- $__lkr_above/.lkr.toml
        set -g __lkr_at
        set -e -g LKR_ENDS
        if test -n "$LKR_STATE$__lkr_wrapped"
            set -l diff "$DIRENV_DIFF"
            __lkr_leave
            test "$diff" = "$DIRENV_DIFF"; or __direnv_export_eval
            if set -q __lkr_gone[1]; and test -z "$__lkr_quiet"; and contains -- "$LKR_QUIET" '' 0
                echo "lkr: $__lkr_gone" >&2
            end
        end
        return
    end
    set -l folder
    for folder in $__lkr_above
        test -e $folder/.lkr.toml; and break
    end
    test -n "$folder"; or set folder /
    __lkr_same "$folder"; and return
    set -l was $LKR_STATE
    if test "$folder" != "$__lkr_at"
        set -g __lkr_over
        set -e -g LKR_ENDS
    end
    set -g __lkr_at # until it is done: Ctrl-C here means that the next prompt tries again
    test -n "$was$__lkr_wrapped"; and __lkr_leave
    set -l has_direnv
    if functions -q __direnv_export_eval
        set has_direnv 1
        if not set -q __lkr_first # defined anew, its turn at a prompt comes after ours; or it would see our keys
            set -g __lkr_first 1
            functions __direnv_export_eval | source
        end
        # Its turn is now: after what was ours has gone and before anything of ours comes, so that it never takes a key
        # for what the shell had before.
        __direnv_export_eval
        set -g __lkr_diff "$DIRENV_DIFF"
    end
    # Where direnv holds this folder, by `use lkr`, it has the keys, and the agents' functions and the time are ours.
    set -g __lkr_held "$LKR_DIRENV_STATE"
    __lkr_now - '' "$__lkr_quiet" "$LKR_PROFILE" "$__lkr_over"
    if not test -x $__lkr_python -a -e $__lkr_boot
        set -q __lkr_lost; or echo "lkr: the program is gone from $(string escape -- $__lkr_boot); run lkr hook again" >&2
        set -g __lkr_lost 1
        set -g __lkr_at $folder
        return
    end
    # Ctrl-C is for boot.py to take up, once Python has started: before that it would print a traceback.
    set -l quiet_start /bin/sh -c 'trap "" INT; exec "$@"' sh
    LKR_WAS="$was" LKR_OVER="$__lkr_over" LKR_HAS_DIRENV="$has_direnv" $quiet_start $__lkr_python -I -S -X utf8 $__lkr_boot "$__lkr_site" fish "$folder" "$__lkr_version" | read -lz statements
    eval $statements
    test -n "$LKR_STATE"; and set -gx LKR_DIR $folder
    set -g __lkr_at $folder
end

function __lkr_hook --on-event fish_prompt --on-variable PWD
    set -l before $status $pipestatus
    status is-command-substitution; or __lkr_check
    return $before[1]
end

if not string match -qr '^(3\.([6-9]|\d\d)|[4-9]\.|\d\d)' -- $version
    functions -e __lkr_hook
    echo "lkr: fish $version is too old, 3.6 or later is needed" >&2
end
set -e __lkr_lost
set -e __lkr_first
set -g __lkr_at
set -g __lkr_gone
set -g __lkr_pwd
set -g __lkr_held
set -g __lkr_diff "$DIRENV_DIFF"
__lkr_now '' '' '' '' ''

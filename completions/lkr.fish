# Completion of lkr for fish. Made from the command line's definition by `make completions`; do not edit.

function __lkr_no_command
    not string match -qv -- '-*' (commandline -opc)[2..-1]
end

function __lkr_command
    set -l words (string match -v -- '-*' (commandline -opc)[2..-1])
    test "$words[1]" = $argv[1]
end

# The names in the index: INDEX/STORE/PROVIDER/LABEL.
function __lkr_keys
    set -l root $HOME/.local/share
    set -q XDG_DATA_HOME[1]; and set root $XDG_DATA_HOME
    test -d "$HOME/Library/Application Support/lkr"; and set root "$HOME/Library/Application Support"
    for path in $root/lkr/index/*/*/*
        string replace -r '.*/([^/]+)/([^/]+)$' '$1:$2' -- $path
    end
end

# Words of the nearest manifest that the pattern finds.
function __lkr_manifest
    set -l folder $PWD
    while test -n "$folder" -a ! -f "$folder/.lkr.toml"
        set folder (string replace -r '/[^/]*$' '' -- $folder)
    end
    test -f "$folder/.lkr.toml"; and string replace -rf $argv[1] '$1' <$folder/.lkr.toml
end

function __lkr_profiles
    __lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)\.keys\].*'
end

function __lkr_variables
    __lkr_manifest '^([A-Z][A-Z0-9_]*)\s*=.*'
end

complete -c lkr -n __lkr_no_command -f -a add -d 'Add a key to this project\'s manifest, and allow the result'
complete -c lkr -n '__lkr_command add' -f -a '(__lkr_variables)'
complete -c lkr -n __lkr_no_command -f -a allow -d 'Let the project in FOLDER (default: here) have the keys its manifest names'
complete -c lkr -n '__lkr_command allow' -l yes -d 'Do not ask'
complete -c lkr -n '__lkr_command allow' -f -a '(__fish_complete_directories)'
complete -c lkr -n __lkr_no_command -f -a deny -d 'Take the grant of the project in FOLDER (default: here) back'
complete -c lkr -n '__lkr_command deny' -f -a '(__fish_complete_directories)'
complete -c lkr -n __lkr_no_command -f -a doctor -d 'Look for what is wrong'
complete -c lkr -n '__lkr_command doctor' -l fix -d 'Mend the index, stale grants and leftovers of killed writers'
complete -c lkr -n '__lkr_command doctor' -l json -d 'As JSON'
complete -c lkr -n __lkr_no_command -f -a edit -d 'Edit this project\'s manifest in $VISUAL or $EDITOR, and allow the result'
complete -c lkr -n __lkr_no_command -f -a exec -d 'Run a command with this project\'s keys, those of scope "exec" too'
complete -c lkr -n '__lkr_command exec' -s k -l key -x -a '(__lkr_keys)' -d 'This key, not the project\'s'
complete -c lkr -n '__lkr_command exec' -l all -d 'Every runtime key that is stored, in its provider\'s variable'
complete -c lkr -n '__lkr_command exec' -l clean -d 'Take other variables that look like providers\' keys out'
complete -c lkr -n __lkr_no_command -f -a export -d 'Print the statements that give SHELL what this folder should have'
complete -c lkr -n '__lkr_command export' -f -a 'bash zsh fish direnv'
complete -c lkr -n __lkr_no_command -f -a gen -d 'Write TEMPLATE with the keys\' values in it'
complete -c lkr -n '__lkr_command gen' -s o -l output -x -a '(__fish_complete_path)' -d 'The file to write; default: TEMPLATE without .example or .template'
complete -c lkr -n '__lkr_command gen' -l force -d 'Without a terminal, over a file that is there, or one that git tracks'
complete -c lkr -n __lkr_no_command -f -a get -d 'Copy the key NAME to the clipboard for 30 seconds, and show its mask'
complete -c lkr -n '__lkr_command get' -l show -d 'Print the value, to a terminal only'
complete -c lkr -n '__lkr_command get' -l plain -d 'Print the value and nothing else, to a terminal only'
complete -c lkr -n '__lkr_command get' -l force-plain -d 'Print the value even into a pipe. Whoever reads it has the key'
complete -c lkr -n '__lkr_command get' -l json -d 'As JSON, masked unless --show'
complete -c lkr -n '__lkr_command get' -l clear-after -x -a '' -d 'Seconds'
complete -c lkr -n '__lkr_command get' -f -a '(__lkr_keys)'
complete -c lkr -n __lkr_no_command -f -a hook -d 'Print the hook for SHELL: bash, zsh, fish or direnv'
complete -c lkr -n '__lkr_command hook' -f -a 'bash zsh fish direnv'
complete -c lkr -n __lkr_no_command -f -a import -d 'Store the keys of the env file FILE, and write the manifest that names them'
complete -c lkr -n '__lkr_command import' -l environment -d 'From the present environment instead of a file'
complete -c lkr -n '__lkr_command import' -l dry-run -d 'Only show what would be stored'
complete -c lkr -n '__lkr_command import' -l yes -d 'Do not ask. Keys that are there with another value are kept'
complete -c lkr -n '__lkr_command import' -l replace -d 'Replace keys that are there with another value'
complete -c lkr -n '__lkr_command import' -l blank -d 'Take the stored values out of FILE, comments kept'
complete -c lkr -n __lkr_no_command -f -a init -d 'Write a .lkr.toml for this folder: names only, from .env.example, .env, or'
complete -c lkr -n __lkr_no_command -f -a list -d 'List the stored keys: name, kind, variable, date'
complete -c lkr -n '__lkr_command list' -l all -d 'Admin keys too, and old values of a rotation'
complete -c lkr -n '__lkr_command list' -l json -d 'As JSON'
complete -c lkr -n __lkr_no_command -f -a lock -d 'Lock the store; loaded keys leave every shell at its next prompt'
complete -c lkr -n __lkr_no_command -f -a passwd -d 'Change the vault\'s passphrase'
complete -c lkr -n '__lkr_command passwd' -l stdin -d 'Read both from standard input, a line each: old, new'
complete -c lkr -n __lkr_no_command -f -a policy -d 'Show, or change, what the key NAME may do'
complete -c lkr -n '__lkr_command policy' -l ttl -x -a '' -d 'How long a shell keeps it from loading on: 90s, 30m, 8h, 2d, or off'
complete -c lkr -n '__lkr_command policy' -l json -d 'As JSON'
complete -c lkr -n '__lkr_command policy' -f -a '(__lkr_keys)'
complete -c lkr -n __lkr_no_command -f -a rename -d 'Rename the key OLD to NEW'
complete -c lkr -n '__lkr_command rename' -f -a '(__lkr_keys)'
complete -c lkr -n '__lkr_command rename' -f -a ''
complete -c lkr -n __lkr_no_command -f -a rm -d 'Remove the key NAME from the store'
complete -c lkr -n '__lkr_command rm' -l yes -d 'Do not ask'
complete -c lkr -n '__lkr_command rm' -f -a '(__lkr_keys)'
complete -c lkr -n __lkr_no_command -f -a rotate -d 'Give the key NAME a new value'
complete -c lkr -n '__lkr_command rotate' -l stdin -d 'Read the new value from standard input'
complete -c lkr -n '__lkr_command rotate' -l confirm -d 'The new value works: forget the old one'
complete -c lkr -n '__lkr_command rotate' -l undo -d 'It does not: the old value comes back'
complete -c lkr -n '__lkr_command rotate' -f -a '(__lkr_keys)'
complete -c lkr -n __lkr_no_command -f -a set -d 'Store the key NAME (provider:label)'
complete -c lkr -n '__lkr_command set' -l stdin -d 'Read the value from standard input'
complete -c lkr -n '__lkr_command set' -l kind -x -a 'runtime admin' -d 'admin: never in an environment'
complete -c lkr -n '__lkr_command set' -f -a '(__lkr_keys)'
complete -c lkr -n __lkr_no_command -f -a status -d 'Show the manifest in force, its grant, the store, and what is loaded'
complete -c lkr -n '__lkr_command status' -l json -d 'As JSON'
complete -c lkr -n __lkr_no_command -f -a unlock -d 'Unlock the store (and make the vault, when there is none)'
complete -c lkr -n '__lkr_command unlock' -l stdin -d 'Read the passphrase from standard input'
complete -c lkr -n __lkr_no_command -f -a use -d 'Use PROFILE in this project from now on; without PROFILE, its plain [keys]'
complete -c lkr -n '__lkr_command use' -f -a '(__lkr_profiles)'
complete -c lkr -n __lkr_no_command -f -a vault -d 'Back the keys up to one age file, read such a file, or give the vault a new'
complete -c lkr -n '__lkr_command vault' -l to -x -a '' -d 'An age or SSH public key; may be repeated'
complete -c lkr -n '__lkr_command vault' -l stdin -d 'Read the passphrase from standard input'
complete -c lkr -n '__lkr_command vault' -l identity -x -a '' -d 'The age or SSH private key that opens the file'
complete -c lkr -n '__lkr_command vault' -l force -d 'Replace keys that are there with another value'
complete -c lkr -n '__lkr_command vault' -f -a 'export import rekey'
complete -c lkrsh -n __lkr_no_command -f -a add -d 'Add a key to this project\'s manifest, and allow the result'
complete -c lkrsh -n '__lkr_command add' -f -a '(__lkr_variables)'
complete -c lkrsh -n __lkr_no_command -f -a allow -d 'Let the project in FOLDER (default: here) have the keys its manifest names'
complete -c lkrsh -n '__lkr_command allow' -l yes -d 'Do not ask'
complete -c lkrsh -n '__lkr_command allow' -f -a '(__fish_complete_directories)'
complete -c lkrsh -n __lkr_no_command -f -a deny -d 'Take the grant of the project in FOLDER (default: here) back'
complete -c lkrsh -n '__lkr_command deny' -f -a '(__fish_complete_directories)'
complete -c lkrsh -n __lkr_no_command -f -a doctor -d 'Look for what is wrong'
complete -c lkrsh -n '__lkr_command doctor' -l fix -d 'Mend the index, stale grants and leftovers of killed writers'
complete -c lkrsh -n '__lkr_command doctor' -l json -d 'As JSON'
complete -c lkrsh -n __lkr_no_command -f -a edit -d 'Edit this project\'s manifest in $VISUAL or $EDITOR, and allow the result'
complete -c lkrsh -n __lkr_no_command -f -a exec -d 'Run a command with this project\'s keys, those of scope "exec" too'
complete -c lkrsh -n '__lkr_command exec' -s k -l key -x -a '(__lkr_keys)' -d 'This key, not the project\'s'
complete -c lkrsh -n '__lkr_command exec' -l all -d 'Every runtime key that is stored, in its provider\'s variable'
complete -c lkrsh -n '__lkr_command exec' -l clean -d 'Take other variables that look like providers\' keys out'
complete -c lkrsh -n __lkr_no_command -f -a export -d 'Print the statements that give SHELL what this folder should have'
complete -c lkrsh -n '__lkr_command export' -f -a 'bash zsh fish direnv'
complete -c lkrsh -n __lkr_no_command -f -a gen -d 'Write TEMPLATE with the keys\' values in it'
complete -c lkrsh -n '__lkr_command gen' -s o -l output -x -a '(__fish_complete_path)' -d 'The file to write; default: TEMPLATE without .example or .template'
complete -c lkrsh -n '__lkr_command gen' -l force -d 'Without a terminal, over a file that is there, or one that git tracks'
complete -c lkrsh -n __lkr_no_command -f -a get -d 'Copy the key NAME to the clipboard for 30 seconds, and show its mask'
complete -c lkrsh -n '__lkr_command get' -l show -d 'Print the value, to a terminal only'
complete -c lkrsh -n '__lkr_command get' -l plain -d 'Print the value and nothing else, to a terminal only'
complete -c lkrsh -n '__lkr_command get' -l force-plain -d 'Print the value even into a pipe. Whoever reads it has the key'
complete -c lkrsh -n '__lkr_command get' -l json -d 'As JSON, masked unless --show'
complete -c lkrsh -n '__lkr_command get' -l clear-after -x -a '' -d 'Seconds'
complete -c lkrsh -n '__lkr_command get' -f -a '(__lkr_keys)'
complete -c lkrsh -n __lkr_no_command -f -a hook -d 'Print the hook for SHELL: bash, zsh, fish or direnv'
complete -c lkrsh -n '__lkr_command hook' -f -a 'bash zsh fish direnv'
complete -c lkrsh -n __lkr_no_command -f -a import -d 'Store the keys of the env file FILE, and write the manifest that names them'
complete -c lkrsh -n '__lkr_command import' -l environment -d 'From the present environment instead of a file'
complete -c lkrsh -n '__lkr_command import' -l dry-run -d 'Only show what would be stored'
complete -c lkrsh -n '__lkr_command import' -l yes -d 'Do not ask. Keys that are there with another value are kept'
complete -c lkrsh -n '__lkr_command import' -l replace -d 'Replace keys that are there with another value'
complete -c lkrsh -n '__lkr_command import' -l blank -d 'Take the stored values out of FILE, comments kept'
complete -c lkrsh -n __lkr_no_command -f -a init -d 'Write a .lkr.toml for this folder: names only, from .env.example, .env, or'
complete -c lkrsh -n __lkr_no_command -f -a list -d 'List the stored keys: name, kind, variable, date'
complete -c lkrsh -n '__lkr_command list' -l all -d 'Admin keys too, and old values of a rotation'
complete -c lkrsh -n '__lkr_command list' -l json -d 'As JSON'
complete -c lkrsh -n __lkr_no_command -f -a lock -d 'Lock the store; loaded keys leave every shell at its next prompt'
complete -c lkrsh -n __lkr_no_command -f -a passwd -d 'Change the vault\'s passphrase'
complete -c lkrsh -n '__lkr_command passwd' -l stdin -d 'Read both from standard input, a line each: old, new'
complete -c lkrsh -n __lkr_no_command -f -a policy -d 'Show, or change, what the key NAME may do'
complete -c lkrsh -n '__lkr_command policy' -l ttl -x -a '' -d 'How long a shell keeps it from loading on: 90s, 30m, 8h, 2d, or off'
complete -c lkrsh -n '__lkr_command policy' -l json -d 'As JSON'
complete -c lkrsh -n '__lkr_command policy' -f -a '(__lkr_keys)'
complete -c lkrsh -n __lkr_no_command -f -a rename -d 'Rename the key OLD to NEW'
complete -c lkrsh -n '__lkr_command rename' -f -a '(__lkr_keys)'
complete -c lkrsh -n '__lkr_command rename' -f -a ''
complete -c lkrsh -n __lkr_no_command -f -a rm -d 'Remove the key NAME from the store'
complete -c lkrsh -n '__lkr_command rm' -l yes -d 'Do not ask'
complete -c lkrsh -n '__lkr_command rm' -f -a '(__lkr_keys)'
complete -c lkrsh -n __lkr_no_command -f -a rotate -d 'Give the key NAME a new value'
complete -c lkrsh -n '__lkr_command rotate' -l stdin -d 'Read the new value from standard input'
complete -c lkrsh -n '__lkr_command rotate' -l confirm -d 'The new value works: forget the old one'
complete -c lkrsh -n '__lkr_command rotate' -l undo -d 'It does not: the old value comes back'
complete -c lkrsh -n '__lkr_command rotate' -f -a '(__lkr_keys)'
complete -c lkrsh -n __lkr_no_command -f -a set -d 'Store the key NAME (provider:label)'
complete -c lkrsh -n '__lkr_command set' -l stdin -d 'Read the value from standard input'
complete -c lkrsh -n '__lkr_command set' -l kind -x -a 'runtime admin' -d 'admin: never in an environment'
complete -c lkrsh -n '__lkr_command set' -f -a '(__lkr_keys)'
complete -c lkrsh -n __lkr_no_command -f -a status -d 'Show the manifest in force, its grant, the store, and what is loaded'
complete -c lkrsh -n '__lkr_command status' -l json -d 'As JSON'
complete -c lkrsh -n __lkr_no_command -f -a unlock -d 'Unlock the store (and make the vault, when there is none)'
complete -c lkrsh -n '__lkr_command unlock' -l stdin -d 'Read the passphrase from standard input'
complete -c lkrsh -n __lkr_no_command -f -a use -d 'Use PROFILE in this project from now on; without PROFILE, its plain [keys]'
complete -c lkrsh -n '__lkr_command use' -f -a '(__lkr_profiles)'
complete -c lkrsh -n __lkr_no_command -f -a vault -d 'Back the keys up to one age file, read such a file, or give the vault a new'
complete -c lkrsh -n '__lkr_command vault' -l to -x -a '' -d 'An age or SSH public key; may be repeated'
complete -c lkrsh -n '__lkr_command vault' -l stdin -d 'Read the passphrase from standard input'
complete -c lkrsh -n '__lkr_command vault' -l identity -x -a '' -d 'The age or SSH private key that opens the file'
complete -c lkrsh -n '__lkr_command vault' -l force -d 'Replace keys that are there with another value'
complete -c lkrsh -n '__lkr_command vault' -f -a 'export import rekey'

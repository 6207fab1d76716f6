# Completion of lkr for fish. Made from the command line's definition by `make completions`; do not edit.

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
            contains -- $word --agent --agents --as --auth --budget --by --cache --clear-after --days --event --from --grace --hook --identity --key --kind --max-age --models --mount --older --only --output --prefix --project --rate --set --since --source --to --tokens --ttl --unused --variable --via -k -o; and set option $word
        else if contains -- "$__lkr_command" '' source team vault
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
    string replace -r '.*/([^/]+)/([^/]+)$' '$1:$2' -- $paths | string replace '~' / | string match -v '*--old'
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
    string split ' ' -- 'ai21: anthropic: anyscale: assemblyai: azure-openai: baseten: bedrock: cerebras: cohere: dashscope: databricks: deepgram: deepinfra: deepseek: elevenlabs: exa: fal: fireworks: gemini: google: groq: huggingface: jina: langsmith: litellm: mistral: moonshot: nebius: novita: nvidia: openai: openrouter: perplexity: portkey: replicate: sambanova: scaleway: siliconflow: stability: tavily: together: upstage: voyage: watsonx: xai: zhipu:'
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
    string split ' ' -- 'AI21_API_KEY ANTHROPIC_API_KEY ANYSCALE_API_KEY ASSEMBLYAI_API_KEY AWS_BEARER_TOKEN_BEDROCK AZURE_API_KEY AZURE_OPENAI_API_KEY BASETEN_API_KEY CEREBRAS_API_KEY CLAUDE_API_KEY COHERE_API_KEY CO_API_KEY DASHSCOPE_API_KEY DATABRICKS_TOKEN DEEPGRAM_API_KEY DEEPINFRA_API_KEY DEEPINFRA_TOKEN DEEPSEEK_API_KEY ELEVENLABS_API_KEY ELEVEN_API_KEY EXA_API_KEY FAL_API_KEY FAL_KEY FIREWORKS_API_KEY GEMINI_API_KEY GOOGLE_API_KEY GROQ_API_KEY HF_TOKEN HUGGINGFACEHUB_API_TOKEN HUGGINGFACE_API_KEY HUGGING_FACE_HUB_TOKEN JINA_API_KEY LANGCHAIN_API_KEY LANGSMITH_API_KEY LITELLM_API_KEY LITELLM_PROXY_API_KEY MISTRAL_API_KEY MOONSHOT_API_KEY NEBIUS_API_KEY NOVITA_API_KEY NVIDIA_API_KEY OPENAI_API_KEY OPENROUTER_API_KEY PERPLEXITY_API_KEY PORTKEY_API_KEY PPLX_API_KEY REPLICATE_API_KEY REPLICATE_API_TOKEN SAMBANOVA_API_KEY SCW_SECRET_KEY SILICONFLOW_API_KEY STABILITY_API_KEY TAVILY_API_KEY TOGETHERAI_API_KEY TOGETHER_API_KEY UPSTAGE_API_KEY VOYAGE_API_KEY WATSONX_APIKEY WATSONX_API_KEY XAI_API_KEY ZAI_API_KEY ZHIPUAI_API_KEY'
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

complete -c lkr -f
complete -c lkr -n "__lkr_at ''" -l version -d 'Show the version'
complete -c lkr -n '__lkr_look; test -z "$__lkr_end"' -s h -l help -d 'Show the help'
complete -c lkr -n "__lkr_at ''" -a add -d 'Add a key to this project\'s manifest'
complete -c lkr -n "__lkr_options 'add'" -l replace -d 'Replace a variable\'s key without asking'
complete -c lkr -n "__lkr_at 'add' 1" -k -a '(__lkr_pairs)'
complete -c lkr -n "__lkr_at ''" -a agent-env -d 'Start a coding agent with virtual keys for what it runs'
complete -c lkr -n "__lkr_options 'agent-env'" -l agent -x -a 'claude codex gemini qwen kilo opencode copilot pi cline aider continue gptme mini amp antigravity augment crush cursor droid goose kimi openhands trae vibe vscode agent' -d 'The agent\'s name for policies and the audit log. Default: from its command'
complete -c lkr -n "__lkr_at 'agent-env'" -a '(__lkr_commands)'
complete -c lkr -n "__lkr_at ''" -a allow -d 'Let a project have the keys its manifest names'
complete -c lkr -n "__lkr_options 'allow'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_options 'allow'" -l variable -x -d 'Also allow a key in this variable'
complete -c lkr -n "__lkr_options 'allow'" -l worktrees -l no-worktrees -d 'Include the repository\'s other git worktrees'
complete -c lkr -n "__lkr_options 'allow'" -l json -d 'Print what was allowed as JSON'
complete -c lkr -n "__lkr_at 'allow' 1" -a '(__fish_complete_directories (commandline -ct))'
complete -c lkr -n "__lkr_at ''" -a audit -d 'Show who used which key, and when'
complete -c lkr -n "__lkr_options 'audit'" -l key -x -a '(__lkr_keys)' -d 'Only this key'
complete -c lkr -n "__lkr_options 'audit'" -l event -x -a 'agent allow backup confirm deny direnv enroll exec gen get import lock login logout migrate passwd policy python redact refresh refused rekey rename restore rm rotate scan seal set shell source team token unenroll unlock unseal usage' -d 'Only this event: exec, shell, refused, get, ...'
complete -c lkr -n "__lkr_options 'audit'" -l agent -x -a 'any claude codex gemini qwen kilo opencode copilot pi cline aider continue gptme mini amp antigravity augment crush cursor droid goose kimi openhands trae vibe vscode agent' -d 'Only uses by this agent (any: by any agent)'
complete -c lkr -n "__lkr_options 'audit'" -l project -x -a '(__fish_complete_directories (commandline -ct))' -d 'Only uses in this folder and below'
complete -c lkr -n "__lkr_options 'audit'" -l days -x -d 'Only the last DAYS days'
complete -c lkr -n "__lkr_options 'audit'" -l follow -d 'Keep showing new lines'
complete -c lkr -n "__lkr_options 'audit'" -l verify -d 'Verify the log, and name the first broken line'
complete -c lkr -n "__lkr_options 'audit'" -l unused -x -d 'List keys not used for DAYS days'
complete -c lkr -n "__lkr_options 'audit'" -l older -x -d 'List keys whose value is older than DAYS days'
complete -c lkr -n "__lkr_options 'audit'" -l gone -d 'List allowed or logged projects that no longer exist'
complete -c lkr -n "__lkr_options 'audit'" -l json -d 'As JSON, one object per line'
complete -c lkr -n "__lkr_at ''" -a broker -d 'Show the broker and the virtual keys in use'
complete -c lkr -n "__lkr_options 'broker'" -l stay -d 'With run: do not end after an hour without a virtual key'
complete -c lkr -n "__lkr_options 'broker'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'broker' 1" -a 'start stop log run'
complete -c lkr -n "__lkr_at ''" -a confirm -d 'Confirm this project\'s keys that need confirmation'
complete -c lkr -n "__lkr_options 'confirm'" -l list -d 'Only list the keys that await your confirmation'
complete -c lkr -n "__lkr_options 'confirm'" -l json -d 'List them as JSON'
complete -c lkr -n "__lkr_at ''" -a deny -d 'Take a project\'s permission back, and that of its git worktrees'
complete -c lkr -n "__lkr_at 'deny' 1" -a '(__fish_complete_directories (commandline -ct))'
complete -c lkr -n "__lkr_at ''" -a doctor -d 'Diagnose problems and show how to fix them'
complete -c lkr -n "__lkr_options 'doctor'" -l fix -d 'Repair the index, stale grants and leftover files'
complete -c lkr -n "__lkr_options 'doctor'" -l agents -d 'Only print what coding agents may do'
complete -c lkr -n "__lkr_options 'doctor'" -l report -d 'Print what a bug report needs, without names or values'
complete -c lkr -n "__lkr_options 'doctor'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at ''" -a edit -d 'Edit this project\'s manifest in your editor'
complete -c lkr -n "__lkr_at ''" -a exec -d 'Run a command with this project\'s keys'
complete -c lkr -n "__lkr_options 'exec'" -s k -l key -x -k -a '(__lkr_pairs)' -d 'Use this key instead of the project\'s. May be repeated'
complete -c lkr -n "__lkr_options 'exec'" -l all -d 'Give every stored runtime key, in its provider\'s variable'
complete -c lkr -n "__lkr_options 'exec'" -l clean -d 'Remove other variables that look like keys'
complete -c lkr -n "__lkr_options 'exec'" -l broker -d 'Give virtual keys, which work only at the broker'
complete -c lkr -n "__lkr_options 'exec'" -l redact -d 'Replace the keys\' values in what the command prints'
complete -c lkr -n "__lkr_at 'exec'" -a '(__lkr_commands)'
complete -c lkr -n "__lkr_at ''" -a export -d 'Print the statements that bring SHELL up to date'
complete -c lkr -n "__lkr_at 'export' 1" -a 'bash zsh fish direnv'
complete -c lkr -n "__lkr_at ''" -a gen -d 'Fill TEMPLATE with the keys\' values'
complete -c lkr -n "__lkr_options 'gen'" -s o -l output -r -F -d 'Write to FILE. Default: TEMPLATE without .example or .template'
complete -c lkr -n "__lkr_options 'gen'" -l force -d 'Also write without a terminal, over an existing file, or over one that git tracks'
complete -c lkr -n "__lkr_options 'gen'" -l json -d 'Print the file\'s name and its keys as JSON'
complete -c lkr -n "__lkr_at 'gen' 1" -r -F
complete -c lkr -n "__lkr_at ''" -a get -d 'Copy the key NAME to the clipboard, and show its mask'
complete -c lkr -n "__lkr_options 'get'" -l show -d 'Print the value, but only to a terminal'
complete -c lkr -n "__lkr_options 'get'" -l plain -d 'Print only the value, and only to a terminal'
complete -c lkr -n "__lkr_options 'get'" -l force-plain -d 'Print the value even into a pipe. Whoever reads it has the key'
complete -c lkr -n "__lkr_options 'get'" -l json -d 'As JSON, masked unless --show'
complete -c lkr -n "__lkr_options 'get'" -l clear-after -x -d 'When to clear it'
complete -c lkr -n "__lkr_at 'get' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a hook -d 'Print the hook for SHELL: bash, zsh, fish or direnv'
complete -c lkr -n "__lkr_at 'hook' 1" -a 'bash zsh fish direnv'
complete -c lkr -n "__lkr_at ''" -a import -d 'Store the keys from an env file'
complete -c lkr -n "__lkr_options 'import'" -l environment -d 'Read this shell\'s environment instead of a file'
complete -c lkr -n "__lkr_options 'import'" -l code -d 'Change load_dotenv(), hard-coded keys and getpass() in Python code (FILE or a folder)'
complete -c lkr -n "__lkr_options 'import'" -l from -x -a 'pass: secret-tool: envchain:' -d 'pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE'
complete -c lkr -n "__lkr_options 'import'" -l as -x -a '(__lkr_fresh)' -d 'The name to store the key under, if there is only one'
complete -c lkr -n "__lkr_options 'import'" -l dry-run -d 'Only show what would be stored'
complete -c lkr -n "__lkr_options 'import'" -l yes -d 'Do not ask. Keep keys that already have another value'
complete -c lkr -n "__lkr_options 'import'" -l replace -d 'Replace keys that already have another value'
complete -c lkr -n "__lkr_options 'import'" -l blank -d 'Comment out the lines of FILE whose keys were stored'
complete -c lkr -n "__lkr_options 'import'" -l json -d 'Print the plan as JSON'
complete -c lkr -n "__lkr_at 'import' 1" -r -F
complete -c lkr -n "__lkr_at ''" -a init -d 'Set up a project step by step'
complete -c lkr -n "__lkr_options 'init'" -l yes -d 'Write and allow the manifest without asking for anything'
complete -c lkr -n "__lkr_options 'init'" -l import -d 'With --yes: also store the values from .env'
complete -c lkr -n "__lkr_options 'init'" -l install -d 'With --yes: also run lkr install for your shell'
complete -c lkr -n "__lkr_at 'init' 1" -a '(__fish_complete_directories (commandline -ct))'
complete -c lkr -n "__lkr_at ''" -a install -d 'Make SHELL (bash, zsh, fish) load lkr when it starts'
complete -c lkr -n "__lkr_options 'install'" -l direnv -d 'Also install `use lkr` for direnv'
complete -c lkr -n "__lkr_options 'install'" -l completions -l no-completions -d 'Install Tab completion (the default), or do not'
complete -c lkr -n "__lkr_options 'install'" -l broker -d 'Have systemd or launchd start the broker. Without SHELL, do only that'
complete -c lkr -n "__lkr_options 'install'" -l diff -d 'Show every line that changes'
complete -c lkr -n "__lkr_options 'install'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'install'" -a 'bash zsh fish'
complete -c lkr -n "__lkr_at ''" -a list -d 'List the stored keys, or those of one PROVIDER'
complete -c lkr -n "__lkr_options 'list'" -l all -d 'Include admin keys'
complete -c lkr -n "__lkr_options 'list'" -l source -x -a '(__lkr_sources)' -d 'List the keys of this shared store, and which of them are copied here. sealed: this project\'s sealed keys'
complete -c lkr -n "__lkr_options 'list'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'list' 1" -a 'ai21 anthropic anyscale assemblyai azure-openai baseten bedrock cerebras cohere dashscope databricks deepgram deepinfra deepseek elevenlabs exa fal fireworks gemini google groq huggingface jina langsmith litellm mistral moonshot nebius novita nvidia openai openrouter perplexity portkey replicate sambanova scaleway siliconflow stability tavily together upstage voyage watsonx xai zhipu'
complete -c lkr -n "__lkr_at ''" -a lock -d 'Lock the store'
complete -c lkr -n "__lkr_at ''" -a login -d 'Log in to SOURCE'
complete -c lkr -n "__lkr_options 'login'" -l stdin -d 'Read the token or password from standard input'
complete -c lkr -n "__lkr_options 'login'" -l yes -d 'Do not ask whether to log in to a new address'
complete -c lkr -n "__lkr_at 'login' 1" -a '(__lkr_sources)'
complete -c lkr -n "__lkr_at ''" -a logout -d 'Log out of SOURCE'
complete -c lkr -n "__lkr_at 'logout' 1" -a '(__lkr_sources)'
complete -c lkr -n "__lkr_at ''" -a migrate -d 'Copy keys from another store, with their kinds and policies'
complete -c lkr -n "__lkr_options 'migrate'" -s k -l key -x -a '(__fish_complete_directories (commandline -ct))' -d 'Only this key. May be repeated'
complete -c lkr -n "__lkr_options 'migrate'" -l to -x -d 'Copy into this shared store, not into the store in use'
complete -c lkr -n "__lkr_options 'migrate'" -l move -d 'Remove each key from the source once it has arrived'
complete -c lkr -n "__lkr_options 'migrate'" -l replace -d 'Replace keys that have another value here'
complete -c lkr -n "__lkr_options 'migrate'" -l dry-run -d 'Only show what would be done'
complete -c lkr -n "__lkr_options 'migrate'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_options 'migrate'" -l json -d 'Print the plan as JSON'
complete -c lkr -n "__lkr_at 'migrate' 1" -a 'vault keyring'
complete -c lkr -n "__lkr_at ''" -a passwd -d 'Change the vault\'s passphrase'
complete -c lkr -n "__lkr_options 'passwd'" -l stdin -d 'Read both from standard input, the old one first, on two lines'
complete -c lkr -n "__lkr_at ''" -a policy -d 'Show or change what the key NAME may do'
complete -c lkr -n "__lkr_options 'policy'" -l only -x -a '(__fish_complete_directories (commandline -ct))' -d 'Only projects in DIR may use the key. May be repeated'
complete -c lkr -n "__lkr_options 'policy'" -l anywhere -d 'Every allowed project may use the key'
complete -c lkr -n "__lkr_options 'policy'" -l agents -x -a 'deny exec allow' -d 'What agents get. deny: never; exec: only with lkr exec; allow: as you do'
complete -c lkr -n "__lkr_options 'policy'" -l confirm -l no-confirm -d 'Ask before each project\'s first load in a session'
complete -c lkr -n "__lkr_options 'policy'" -l ttl -x -a 'off 30m 8h 2d' -d 'How long a shell keeps the key: 90s, 30m, 8h, 2d, or off'
complete -c lkr -n "__lkr_options 'policy'" -l kind -x -a 'runtime admin' -d 'admin: never enters an environment'
complete -c lkr -n "__lkr_options 'policy'" -l via -x -a 'environment broker' -d 'broker: programs get a virtual key, never the key itself'
complete -c lkr -n "__lkr_options 'policy'" -l models -x -d 'Broker: only these models, or off. May be repeated'
complete -c lkr -n "__lkr_options 'policy'" -l budget -x -d 'Broker: US dollars per day, week or month, such as 20/day, or off'
complete -c lkr -n "__lkr_options 'policy'" -l rate -x -d 'Broker: requests per minute, such as 60/min, or off'
complete -c lkr -n "__lkr_options 'policy'" -l tokens -x -d 'Broker: tokens per day, week or month, such as 2M/day, or off'
complete -c lkr -n "__lkr_options 'policy'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'policy' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a redact -d 'Replace stored keys in standard input with [lkr NAME]'
complete -c lkr -n "__lkr_options 'redact'" -l hook -x -a 'claude' -d 'Act as the PostToolUse hook of Claude Code: claude'
complete -c lkr -n "__lkr_at ''" -a refresh -d 'Fetch this project\'s keys from their sources again'
complete -c lkr -n "__lkr_options 'refresh'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'refresh' 1" -a '(__lkr_sources)'
complete -c lkr -n "__lkr_at ''" -a rename -d 'Rename the key OLD to NEW'
complete -c lkr -n "__lkr_at 'rename' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at 'rename' 2" -a '(__lkr_fresh)'
complete -c lkr -n "__lkr_at ''" -a report -d 'Write one page about all keys for a security review'
complete -c lkr -n "__lkr_options 'report'" -s o -l output -r -F -d 'Write the page to FILE, or with - to standard output'
complete -c lkr -n "__lkr_options 'report'" -l anonymous -d 'Replace the names of keys, projects and agents with numbers'
complete -c lkr -n "__lkr_options 'report'" -l check -d 'Write no page. The exit code is 1 if a key is too old or unused'
complete -c lkr -n "__lkr_options 'report'" -l max-age -x -d 'The oldest that a value may be, such as 90d'
complete -c lkr -n "__lkr_options 'report'" -l unused -x -d 'The longest that a key may be unused, such as 90d'
complete -c lkr -n "__lkr_options 'report'" -l json -d 'With --check: as JSON'
complete -c lkr -n "__lkr_at ''" -a rm -d 'Remove the key NAME from the store, or from its source'
complete -c lkr -n "__lkr_options 'rm'" -l yes -l force -d 'Do not ask'
complete -c lkr -n "__lkr_at 'rm' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a rotate -d 'Give the key NAME a new value'
complete -c lkr -n "__lkr_options 'rotate'" -l stdin -d 'Read the new value from standard input'
complete -c lkr -n "__lkr_options 'rotate'" -l confirm -d 'The new value works: delete the old one'
complete -c lkr -n "__lkr_options 'rotate'" -l undo -d 'The new value does not work: restore the old one'
complete -c lkr -n "__lkr_at 'rotate' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a scan -d 'Find keys left in plain text'
complete -c lkr -n "__lkr_options 'scan'" -l home -d 'Search your home folder: files of shells, editors and agents, and running processes'
complete -c lkr -n "__lkr_options 'scan'" -l history -d 'Search the whole git history of this repository'
complete -c lkr -n "__lkr_options 'scan'" -l since -x -d 'Search commits since the revision REV, or in A..B'
complete -c lkr -n "__lkr_options 'scan'" -l staged -d 'Search what the next commit would add'
complete -c lkr -n "__lkr_options 'scan'" -l push -d 'Search what a push would send. For git\'s pre-push hook, which passes that on standard input'
complete -c lkr -n "__lkr_options 'scan'" -l fix -d 'Ask about each key, store it, and remove it from where it was found'
complete -c lkr -n "__lkr_options 'scan'" -l install-hook -d 'Search before each commit and push in this repository'
complete -c lkr -n "__lkr_options 'scan'" -l no-stored -d 'Look only for text that looks like a key. The store may stay locked'
complete -c lkr -n "__lkr_options 'scan'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_options 'scan'" -l sarif -d 'Print SARIF 2.1.0, for code scanning in CI'
complete -c lkr -n "__lkr_at 'scan'" -r -F
complete -c lkr -n "__lkr_at ''" -a schema -d 'Print the JSON Schema of .lkr.toml, for editors'
complete -c lkr -n "__lkr_options 'schema'" -l local -d 'The schema of .lkr.local.toml'
complete -c lkr -n "__lkr_at ''" -a seal -d 'Encrypt the key NAME to the members of the project\'s team'
complete -c lkr -n "__lkr_options 'seal'" -l all -d 'Seal all sealed keys again, to the current members'
complete -c lkr -n "__lkr_options 'seal'" -l new -d 'Ask for a new value, for example after a leak'
complete -c lkr -n "__lkr_options 'seal'" -l stdin -d 'Read the value from standard input'
complete -c lkr -n "__lkr_options 'seal'" -l identity -r -F -d 'Your age or SSH private key, if it is not the usual one'
complete -c lkr -n "__lkr_options 'seal'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'seal' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a set -d 'Store the key NAME (provider:label)'
complete -c lkr -n "__lkr_options 'set'" -l stdin -d 'Read the value from standard input. A pipe does not need this'
complete -c lkr -n "__lkr_options 'set'" -l kind -x -a 'runtime admin' -d 'admin: never enters an environment'
complete -c lkr -n "__lkr_options 'set'" -l force -d 'Replace an existing value without asking, and store the new one as it is'
complete -c lkr -n "__lkr_at 'set' 1" -a '(__lkr_fresh)'
complete -c lkr -n "__lkr_at ''" -a source -d 'Show, add and remove sources: the shared stores of a team'
complete -c lkr -n "__lkr_at 'source'" -a list -d 'List the sources'
complete -c lkr -n "__lkr_options 'source list'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'source'" -a add -d 'Add the source NAME to config.toml'
complete -c lkr -n "__lkr_options 'source add'" -l mount -x -d 'The engine, vault or project that holds the keys'
complete -c lkr -n "__lkr_options 'source add'" -l prefix -x -d 'The path there before PROVIDER/LABEL'
complete -c lkr -n "__lkr_options 'source add'" -l auth -x -d 'token, userpass, approle, jwt, oidc or kubernetes'
complete -c lkr -n "__lkr_options 'source add'" -l cache -x -d 'How long a copy is fresh: 30m, 8h (the default), or 0 for no copies'
complete -c lkr -n "__lkr_options 'source add'" -l grace -x -d 'How much longer to use a copy if the source does not answer: 24h'
complete -c lkr -n "__lkr_options 'source add'" -l set -x -d 'Another field, such as ca. May be repeated'
complete -c lkr -n "__lkr_options 'source add'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'source add' 1" -a 'team'
complete -c lkr -n "__lkr_at 'source add' 2" -a 'openbao aws command op bw pass gopass doppler infisical gcloud az'
complete -c lkr -n "__lkr_at 'source add'" -a 'https://'
complete -c lkr -n "__lkr_at 'source'" -a rm -d 'Remove the source NAME, its login, and the copies of its keys here'
complete -c lkr -n "__lkr_options 'source rm'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'source rm' 1" -a '(__lkr_sources)'
complete -c lkr -n "__lkr_at ''" -a status -d 'Show what is loaded here, and why'
complete -c lkr -n "__lkr_options 'status'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_options 'status'" -l short -d 'One line for a prompt; nothing outside a project'
complete -c lkr -n "__lkr_at ''" -a team -d 'Share keys through git, sealed to the members of a team'
complete -c lkr -n "__lkr_at 'team'" -a list -d 'List the members, and who can open which sealed key'
complete -c lkr -n "__lkr_options 'team list'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'team'" -a init -d 'Start a team in this project, with you as its first member'
complete -c lkr -n "__lkr_options 'team init'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'team init' 1" -a '(__lkr_members)'
complete -c lkr -n "__lkr_at 'team init' 2" -r -F
complete -c lkr -n "__lkr_at 'team'" -a add -d 'Add a member, and seal the keys that you can open to them too'
complete -c lkr -n "__lkr_options 'team add'" -l identity -r -F -d 'Your age or SSH private key, if it is not the usual one'
complete -c lkr -n "__lkr_options 'team add'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'team add' 1" -a '(__lkr_members)'
complete -c lkr -n "__lkr_at 'team add' 2" -r -F
complete -c lkr -n "__lkr_at 'team'" -a rm -d 'Remove a member, and seal all keys to the others'
complete -c lkr -n "__lkr_options 'team rm'" -l identity -r -F -d 'Your age or SSH private key, if it is not the usual one'
complete -c lkr -n "__lkr_options 'team rm'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'team rm' 1" -a '(__lkr_members)'
complete -c lkr -n "__lkr_at 'team'" -a audit -d 'List the keys to rotate, because a former member could read them'
complete -c lkr -n "__lkr_options 'team audit'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at 'team'" -a check -d 'Check that every key is sealed to the members and to nobody else'
complete -c lkr -n "__lkr_options 'team check'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_at ''" -a token -d 'Print a virtual key for the key NAME'
complete -c lkr -n "__lkr_options 'token'" -l json -d 'Print JSON, with the base-URL variables that go with it'
complete -c lkr -n "__lkr_at 'token' 1" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a uninstall -d 'Undo lkr install'
complete -c lkr -n "__lkr_options 'uninstall'" -l broker -d 'Only undo lkr install --broker'
complete -c lkr -n "__lkr_options 'uninstall'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at ''" -a unlock -d 'Unlock the store'
complete -c lkr -n "__lkr_options 'unlock'" -l stdin -d 'Read the passphrase from standard input'
complete -c lkr -n "__lkr_options 'unlock'" -l passphrase -d 'Ask for the passphrase at once'
complete -c lkr -n "__lkr_at ''" -a unseal -d 'Decrypt this project\'s sealed keys, and put them into your store'
complete -c lkr -n "__lkr_options 'unseal'" -l identity -r -F -d 'Your age or SSH private key, if it is not the usual one'
complete -c lkr -n "__lkr_options 'unseal'" -l yes -d 'Take changed values without asking'
complete -c lkr -n "__lkr_at 'unseal'" -a '(__lkr_keys)'
complete -c lkr -n "__lkr_at ''" -a usage -d 'Show what the broker\'s requests used and cost'
complete -c lkr -n "__lkr_options 'usage'" -l by -x -a 'project key agent model day' -d 'Show only this table. May be repeated'
complete -c lkr -n "__lkr_options 'usage'" -l since -x -d 'Start at a date (2026-11-01) or a time ago (7d, 12h). Default: this month'
complete -c lkr -n "__lkr_options 'usage'" -l follow -d 'Show each request as it ends, until Ctrl-C'
complete -c lkr -n "__lkr_options 'usage'" -l csv -d 'As CSV'
complete -c lkr -n "__lkr_options 'usage'" -l json -d 'As JSON'
complete -c lkr -n "__lkr_options 'usage'" -l vendor -d 'Ask OpenAI and Anthropic what they charged, with their admin keys'
complete -c lkr -n "__lkr_options 'usage'" -l days -x -d 'Cover the last DAYS days'
complete -c lkr -n "__lkr_at 'usage' 1" -a 'openai anthropic'
complete -c lkr -n "__lkr_at ''" -a use -d 'Use PROFILE in this project from now on'
complete -c lkr -n "__lkr_options 'use'" -l default -d 'Go back to the manifest\'s plain [keys]'
complete -c lkr -n "__lkr_options 'use'" -l list -d 'List the profiles. The same as without PROFILE'
complete -c lkr -n "__lkr_options 'use'" -l json -d 'List them as JSON'
complete -c lkr -n "__lkr_at 'use' 1" -a '(__lkr_profiles)'
complete -c lkr -n "__lkr_at ''" -a vault -d 'Back up the vault, open it with a TPM or Touch ID, or start over'
complete -c lkr -n "__lkr_at 'vault'" -a export -d 'Back up all keys to the age file FILE'
complete -c lkr -n "__lkr_options 'vault export'" -l to -x -d 'An age or SSH public key. May be repeated'
complete -c lkr -n "__lkr_options 'vault export'" -l stdin -d 'Read the file\'s passphrase from standard input'
complete -c lkr -n "__lkr_at 'vault export' 1" -r -F
complete -c lkr -n "__lkr_at 'vault'" -a import -d 'Restore the keys from a backup'
complete -c lkr -n "__lkr_options 'vault import'" -l identity -r -F -d 'The age or SSH private key that opens the file'
complete -c lkr -n "__lkr_options 'vault import'" -l stdin -d 'Read the passphrase from standard input'
complete -c lkr -n "__lkr_options 'vault import'" -l force -d 'Replace keys that already have another value'
complete -c lkr -n "__lkr_at 'vault import' 1" -r -F
complete -c lkr -n "__lkr_at 'vault'" -a recipient -d 'Print this vault\'s public key'
complete -c lkr -n "__lkr_at 'vault'" -a enroll -d 'Let a TPM, Touch ID or an age plugin open the store'
complete -c lkr -n "__lkr_options 'vault enroll'" -l stdin -d 'Read the passphrase, and for a TPM the new PIN, line by line'
complete -c lkr -n "__lkr_at 'vault enroll' 1" -r -F
complete -c lkr -n "__lkr_at 'vault'" -a unenroll -d 'Make the passphrase the only way to open the store again'
complete -c lkr -n "__lkr_at 'vault'" -a reset -d 'Start over after a lost passphrase'
complete -c lkr -n "__lkr_options 'vault reset'" -l yes -d 'Do not ask'
complete -c lkr -n "__lkr_at 'vault'" -a rekey -d 'Give the vault a new identity, and encrypt every key to it'
complete -c lkr -n "__lkr_options 'vault rekey'" -l stdin -d 'Read the passphrase from standard input'

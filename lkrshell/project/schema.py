"""Writes JSON Schemas of the manifest and the local file, for editors: `python -m lkrshell.project.schema FOLDER`.

Draft-07, which TOML editors understand. manifest.py checks what a schema cannot say: the size of 64 KiB, 256 keys in
all profiles together, two keys of a list that would set the same variable, `1.0`, and variables that do not look like a
secret's but that the person may accept.
"""

import json
import os
import sys

from lkrshell.core import limits, names, variables
from lkrshell.project.manifest import MAX_KEYS, VIA
from lkrshell.sources import settings

_VARIABLE = (
    "A variable of A-Z, 0-9 and _: a provider's, or one whose name ends in _KEY, _TOKEN or the like. Any other needs "
    "lkr allow --variable NAME."
)
FILES = ("manifest.schema.json", "manifest.local.schema.json")


def _name(pattern: str, description: str, empty: bool = False) -> dict[str, object]:
    """A string that `pattern` matches as a whole; with `empty`, the empty string too."""
    words = pattern.removesuffix(r"\Z")
    return {
        "description": description,
        "type": "string",
        "pattern": f"^({words})?$" if empty else f"^{words}$",
        "maxLength": names.MAX_NAME,
    }


def _limit(pattern: str, description: str) -> dict[str, object]:
    return {"description": description, "type": "string", "pattern": f"^({pattern})$"}


def _sources() -> dict[str, object]:
    """`[sources.NAME]`: where a team's keys are. settings.py makes the final checks."""
    text = {"type": "string", "maxLength": 512}
    return {
        "description": "Shared stores that keys come from, which lkr init offers to add. Nothing secret.",
        "type": "object",
        "propertyNames": {"pattern": f"^{names.SOURCE.removesuffix(chr(92) + 'Z')}$", "maxLength": 32},
        "additionalProperties": {
            "type": "object",
            "properties": dict.fromkeys(sorted(settings.IN_MANIFEST), text),
            "required": ["type"],
            "additionalProperties": False,
        },
    }


def schema(local: bool = False) -> dict[str, object]:
    """The schema of `.lkr.toml`, or of `.lkr.local.toml`. One long literal, so that it reads like the result."""
    fields: dict[str, object] = {
        "version": {"description": "The manifest's version: 1.", "const": 1},
        "require": {
            "description": "all: load no key if any is missing. any, the default: load the keys that are stored.",
            "enum": ["all", "any"],
        },
        "inherit": {"description": "Also use the nearest manifest above, if it is allowed too.", "type": "boolean"},
        "via": {"$ref": "#/definitions/via"},
        "keys": {"$ref": "#/definitions/keys"},
        "profiles": {
            "description": "Override keys if LKR_PROFILE or `lkr use` names one.",
            "type": "object",
            "propertyNames": _name(names.PROFILE, "A profile's name."),
            "additionalProperties": {
                "type": "object",
                "properties": {"keys": {"$ref": "#/definitions/keys"}},
                "additionalProperties": False,
            },
        },
    }
    if not local:
        fields["sources"] = _sources()
    if local:
        fields["profile"] = _name(names.PROFILE, "The profile that `lkr use` chose.", empty=True)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": ".lkr.local.toml" if local else ".lkr.toml",
        "description": "Which variables a project wants, and the names of their keys. Never a value.",
        "type": "object",
        "properties": fields,
        "additionalProperties": False,
        **({} if local else {"required": ["version"]}),
        "definitions": {
            "name": _name(names.KEY, "The name of a key: provider:label, such as openai:prod."),
            "via": {
                "description": "broker: programs get a virtual key. It works only at lkr's broker on this machine.",
                "enum": list(VIA),
            },
            # Two types without anyOf, so that an editor's message points at the wrong word itself.
            "keys": {
                "description": "Variables and the names of their keys, or a list of names.",
                "type": ["object", "array"],
                "propertyNames": _name(names.VARIABLE, _VARIABLE),
                "patternProperties": {
                    pattern: {"description": "This changes how programs run.", "not": {}}
                    for pattern in variables.patterns()
                },
                "additionalProperties": {"$ref": "#/definitions/entry"},
                "maxProperties": MAX_KEYS,
                "items": {"$ref": "#/definitions/name"},
                "uniqueItems": True,
                "maxItems": MAX_KEYS,
            },
            "entry": {
                **_name(names.KEY, "The name of a key, or a table with it."),
                "type": ["string", "object"],
                "properties": {
                    "key": {"$ref": "#/definitions/name"},
                    "optional": {"description": "true: do not complain if it is not stored.", "type": "boolean"},
                    "via": {"$ref": "#/definitions/via"},
                    "models": {
                        "description": "Broker: the models that may be called. * and ? are wildcards.",
                        "type": "array",
                        "items": {"type": "string", "pattern": f"^{limits.MODEL}$"},
                        "minItems": 1,
                        "maxItems": limits.MAX_MODELS,
                    },
                    "budget": _limit(limits.BUDGET, "Broker: US dollars per day, week or month, such as 20/day."),
                    "rate": _limit(limits.RATE, "Broker: requests per minute, such as 60/min."),
                    "tokens": _limit(limits.TOKENS, "Broker: tokens per day, week or month, such as 2M/day."),
                    "scope": {
                        "description": "exec: for `lkr exec` only. A table: for these commands only.",
                        "type": ["string", "object"],
                        "pattern": "^(shell|exec)$",
                        "properties": {
                            "commands": {
                                "type": "array",
                                "items": {
                                    **_name(names.COMMAND, "The name of a program."),
                                    "not": {
                                        "anyOf": [
                                            {"enum": sorted(names.SHELL_WORDS)},
                                            {"pattern": f"^{names.SHELL_FUNCTIONS}"},
                                        ]
                                    },
                                },
                                "minItems": 1,
                            }
                        },
                        "required": ["commands"],
                        "additionalProperties": False,
                    },
                },
                "required": ["key"],
                "additionalProperties": False,
            },
        },
    }


def text(name: str) -> str:
    """One of FILES."""
    return json.dumps(schema(local="local" in name), indent=1) + "\n"


def main(folder: str) -> None:
    for name in FILES:
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text(name))


if __name__ == "__main__":
    main(sys.argv[1])

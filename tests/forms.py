"""JSON Schemas of what `--json` prints."""


def rows(**fields: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "items": form(**fields)}


def form(**fields: object) -> dict[str, object]:
    """A JSON Schema: all these fields and no others, each of a type (`a|b` for several) or a schema of its own."""
    properties = {
        name.rstrip("_"): {"type": field.split("|")} if isinstance(field, str) else field
        for name, field in fields.items()
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

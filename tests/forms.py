"""JSON Schemas of what `--json` prints."""


def rows(**fields: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "items": form(**fields)}


def form(**fields: object) -> dict[str, object]:
    """Returns a JSON Schema: exactly these fields, each with a type (`a|b` for several) or its own schema."""
    properties = {
        name.rstrip("_"): {"type": field.split("|")} if isinstance(field, str) else field
        for name, field in fields.items()
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}

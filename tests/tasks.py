"""The stand-in vendor's answers that make a coding agent run a command in its shell tool, and then the usual text.

They exist in the forms of Chat Completions, Responses, Messages and Gemini, streamed and whole.
"""

import json
import re

Table = dict[str, object]
Rows = list[Table]
Event = tuple[str, Table]  # (name, data); the name is empty if the API does not name events

# The shell tools of the agents that the tests run.
_TOOLS = (
    "bash", "shell", "exec_command", "shell_command", "local_shell", "run_shell_command", "run_terminal_command",
    "run_terminal_cmd", "execute_command", "run_commands", "terminal",
)  # fmt: skip
_COMMAND = ("command", "cmd", "commands", "script")


def call(path: str, asked: Table, command: str) -> tuple[str, Table] | None:
    """Returns the request's shell tool, and its arguments to run the command. None if there is no such tool, or if it
    already ran."""
    if re.search(r'"(?:function_call_output|tool_result|functionResponse)"|"role": "tool"', json.dumps(asked)):
        return None
    known = {name.lower(): (name, schema) for name, schema in _tools(asked)}
    for each in _TOOLS:
        if each in known:
            name, schema = known[each]
            return name, _arguments(schema, command)
    return None


def _tools(asked: Table) -> list[tuple[str, Table]]:
    found = []
    for row in _rows(asked.get("tools")):
        inner = row.get("function") if isinstance(row.get("function"), dict) else row
        assert isinstance(inner, dict)
        for tool in _rows(inner.get("functionDeclarations")) or [inner]:
            schema = tool.get("parameters") or tool.get("input_schema") or tool.get("parametersJsonSchema") or {}
            assert isinstance(schema, dict)
            found.append((str(tool.get("name") or tool.get("type")), schema))
    return found


def _rows(value: object) -> Rows:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _arguments(schema: Table, command: str) -> Table:
    """Returns arguments with the command in its place, and something for each other required field."""
    properties, required = schema.get("properties"), schema.get("required")
    assert isinstance(properties, dict)
    place = next(name for name in _COMMAND if name in properties)
    kind = str(properties[place].get("type", "")).lower()
    many = [command] if place == "commands" else ["bash", "-c", command]
    found: Table = {place: many if kind == "array" or place == "commands" else command}
    for name in required if isinstance(required, list) else []:
        kinds = {"boolean": False, "number": 60000, "integer": 60000, "array": [], "object": {}}
        found.setdefault(name, kinds.get(str(properties[name].get("type", "")).lower(), "the task"))
    return found


def chat(model: str, name: str, arguments: Table, stream: bool) -> list[Event]:
    function = {"name": name, "arguments": json.dumps(arguments)}
    row = {"index": 0, "id": "call_1", "type": "function", "function": function}
    head = {"id": "chatcmpl-1", "created": 1, "model": model}
    usage = {"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13}
    if not stream:
        message = {"role": "assistant", "content": None, "tool_calls": [row]}
        choice: Table = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return [("", {**head, "object": "chat.completion", "choices": [choice], "usage": usage})]
    head["object"] = "chat.completion.chunk"
    delta: Table = {"role": "assistant", "content": None, "tool_calls": [row]}
    return [
        ("", {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}),
        ("", {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        ("", {**head, "choices": [], "usage": usage}),
    ]


def responses(whole: Table, name: str, arguments: Table, stream: bool) -> list[Event]:
    """Returns the events of a response. `whole` is the completed response."""
    text = json.dumps(arguments)
    item: Table = {
        "id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": name,
        "arguments": text,
    }  # fmt: skip
    whole = {**whole, "output": [item]}
    if not stream:
        return [("", whole)]
    place: Table = {"output_index": 0, "item_id": "fc_1"}
    rows: list[Event] = [
        ("response.created", {"response": {**whole, "status": "in_progress", "output": [], "usage": None}}),
        ("response.output_item.added", {"output_index": 0, "item": {**item, "status": "in_progress", "arguments": ""}}),
        ("response.function_call_arguments.delta", {**place, "delta": text}),
        ("response.function_call_arguments.done", {**place, "arguments": text}),
        ("response.output_item.done", {"output_index": 0, "item": item}),
        ("response.completed", {"response": whole}),
    ]
    return [(kind, {"type": kind, "sequence_number": n, **row}) for n, (kind, row) in enumerate(rows)]


def messages(empty: Table, name: str, arguments: Table, stream: bool) -> list[Event]:
    """Returns the events of a message. `empty` is a message without content."""
    block: Table = {"type": "tool_use", "id": "toolu_1", "name": name, "input": arguments}
    if not stream:
        return [("", {**empty, "content": [block], "stop_reason": "tool_use"})]
    delta = {"type": "input_json_delta", "partial_json": json.dumps(arguments)}
    end = {"stop_reason": "tool_use", "stop_sequence": None}
    rows: Rows = [
        {"type": "message_start", "message": empty},
        {"type": "content_block_start", "index": 0, "content_block": {**block, "input": {}}},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": end, "usage": {"output_tokens": 8}},
        {"type": "message_stop"},
    ]
    return [(str(row["type"]), row) for row in rows]


def gemini(name: str, arguments: Table) -> list[Event]:
    content = {"role": "model", "parts": [{"functionCall": {"name": name, "args": arguments}}]}
    usage = {"promptTokenCount": 5, "candidatesTokenCount": 8, "totalTokenCount": 13}
    row = {"content": content, "index": 0, "finishReason": "STOP"}
    return [("", {"candidates": [row], "usageMetadata": usage, "modelVersion": "a-model"})]

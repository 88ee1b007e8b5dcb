"""JSON for readers: a line for each row of figures, so that a confusion looks like a matrix."""

import json
from typing import Any


def json_text(value: Any, indent: str = "") -> str:
    """A value as JSON, in which a dict or list that holds no other is one line."""
    parts = _parts(value)
    if not any(isinstance(item, dict | list) for _, item in parts):
        return json.dumps(value, ensure_ascii=False)
    more = f"{indent}  "
    lines = [f"{more}{head}{json_text(item, more)}" for head, item in parts]
    start, end = "{}" if isinstance(value, dict) else "[]"
    return f"{start}\n" + ",\n".join(lines) + f"\n{indent}{end}"


def _parts(value: Any) -> list[tuple[str, Any]]:
    """What a dict or list holds, each item with the text of its key."""
    if isinstance(value, dict):
        return [(f"{json.dumps(key, ensure_ascii=False)}: ", item) for key, item in value.items()]
    return [("", item) for item in value] if isinstance(value, list) else []

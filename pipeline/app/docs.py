"""The API's documentation as one page that needs no other host."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from pipeline.app.limits import Limits

STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "code,pre{font-family:ui-monospace,monospace}pre{overflow:auto;padding:.75rem;border:1px solid #888}"
    "table{border-collapse:collapse}td,th{border:1px solid #888;padding:.25rem .5rem;text-align:left}"
)


def docs_page(schema: Mapping[str, Any], address: str, models: Sequence[str], limits: Limits) -> str:
    """The page.

    Args:
        schema: of OpenAPI.
        address: of the server, as it was asked.
        models: names.
        limits: what is refused.
    """
    info = schema["info"]
    rate = "" if limits.per_minute is None else f", {limits.per_minute} requests a minute"
    paths, parts = schema["paths"], schema["components"]["schemas"]
    sections = [_section(parts, path, *each) for path, methods in paths.items() for each in methods.items()]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(info["title"])}: API</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f"<h1>{escape(info['title'])}: API</h1><p>{escape(info['description'])}</p>"
        f"<pre>{escape(_examples(address, models[0]))}</pre>"
        f"<p>Models: {', '.join(f'<code>{escape(name)}</code>' for name in models)}. Limits: "
        f"{limits.bytes / (1 << 20):.3g} MiB and {limits.seconds:g} s a recording{rate}. Nothing that is sent is kept. "
        'Answers, errors too, are JSON: <code>{"error": "..."}</code>. '
        'For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{''.join(sections)}</main></body></html>"
    )


def _examples(address: str, model: str) -> str:
    return (
        f"curl --data-binary @speech.wav '{address}/api/predict?model={model}&segments=false'\n"
        f"curl -F file=@speech.wav {address}/api/predict"
    )


def _section(parts: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> str:
    parameters = [(each["name"], each.get("description", "")) for each in operation.get("parameters", [])]
    body = operation.get("requestBody", {}).get("description", "")
    rows = [*parameters, *([("body", body)] if body else [])]
    answers = [(status, each["description"]) for status, each in operation["responses"].items()]
    return (
        f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2><p>{escape(operation.get('summary', ''))}</p>"
        f"{_table('Parameter', rows)}{_table('Status', answers)}"
        f"{_table('Answer', [*_fields(parts, _right(operation))])}"
    )


def _right(operation: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of what is answered with status 200."""
    known: Mapping[str, Any] = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return known


def _fields(parts: Mapping[str, Any], schema: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, str]]:
    """Names of an object's fields, those of inner ones behind a dot, and what they mean."""
    for name, field in _part(parts, schema).get("properties", {}).items():
        yield outer + name, field.get("description", "")
        inner = {"array": "[]", "object": ".*"}.get(field.get("type", ""), "")
        below = field.get("items") or field.get("additionalProperties") or field
        yield from _fields(parts, below, f"{outer}{name}{inner}.")


def _part(parts: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """A schema itself, where another refers to it; of what is no object, nothing."""
    known: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    return parts[known["$ref"].rpartition("/")[2]] if "$ref" in known else known


def _table(title: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = (f"<tr><th scope=row>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows)
    return f"<table><tr><th>{title}</th><th>Meaning</th></tr>{''.join(cells)}</table>"

"""What Slack refuses of a message or a modal: arguments of a call in, its error or nothing out.

Slack's own models (slack_sdk.models) say what a block may be; what they leave out is checked here.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View

Json = dict[str, Any]

_MOST_BLOCKS = 50
_MOST_IN_A_VIEW = 100
_MOST_ELEMENTS = 10
_MOST_ACTIONS = 25
_MOST_SECTION = 3000
_MOST_HEADER = 150
_MOST_BUTTON = 75
_MOST_OPTIONS = 5  # of a menu
_MOST_VALUE = 150  # of an option
_MOST_ID = 255
_MOST_METADATA = 8000

# Slack documents no limit of the sum; from about here on it was seen to refuse.
_MOST_SUM = 11_000

_FIELDS = {
    "divider": set[str](),
    "header": {"text"},
    "section": {"text", "accessory"},
    "context": {"elements"},
    "actions": {"elements"},
}
_INPUT = {"label", "element", "optional", "hint"}
_BUTTON = {"type", "action_id", "text", "value", "url", "style", "accessibility_label", "confirm"}


def problem(given: Json) -> Json | None:
    """Return Slack's error answer for a message that it would not take, or None."""
    blocks = given.get("blocks")
    if isinstance(blocks, str):
        try:
            given["blocks"] = blocks = json.loads(blocks)
        except ValueError:
            return _refuse("invalid_blocks_format")
    if not blocks and not given.get("text"):
        return _refuse("no_text")
    if blocks and not isinstance(blocks, list):
        return _refuse("invalid_blocks_format")
    if wrong := list(_wrong_blocks(blocks or [], _MOST_BLOCKS, _FIELDS)):
        return {**_refuse("invalid_blocks"), "errors": wrong}
    if _units(json.dumps(blocks or [], ensure_ascii=False)) > _MOST_SUM:
        return _refuse("msg_blocks_too_long")
    return _wrong_metadata(given.get("metadata"))


def view_problem(view: Json) -> str:
    """Return what Slack would say against a modal, or nothing."""
    try:
        View(**view).to_dict()
    except (SlackObjectFormationError, TypeError) as error:
        return str(error)
    fields = _FIELDS | {"input": _INPUT}
    return next(_wrong_blocks(view.get("blocks") or [], _MOST_IN_A_VIEW, fields), "")


def _wrong_metadata(metadata: Any) -> Json | None:
    if metadata is None:
        return None
    shaped = (
        isinstance(metadata, dict)
        and isinstance(metadata.get("event_type"), str)
        and isinstance(metadata.get("event_payload"), dict)
    )
    if not shaped:
        return _refuse("invalid_metadata_format")
    if len(json.dumps(metadata)) > _MOST_METADATA:
        return _refuse("metadata_too_large")
    return None


def _wrong_blocks(blocks: list[Any], most: int, fields: dict[str, set[str]]) -> Iterator[str]:
    if len(blocks) > most:
        yield f"no more than {most} items allowed [json-pointer:/blocks]"
    for index, block in enumerate(blocks):
        where = f"[json-pointer:/blocks/{index}]"
        kind = block.get("type") if isinstance(block, dict) else None
        if kind not in fields:
            yield f"unsupported type: {kind} {where}"
        elif unknown := set(block) - {"type", "block_id"} - fields[kind]:
            yield f"unknown fields {sorted(unknown)} {where}"
        else:
            yield from _wrong_block(block, where)
    named = [b["block_id"] for b in blocks if isinstance(b, dict) and "block_id" in b]
    if any(_units(str(name)) > _MOST_ID for name in named):
        yield f"block_id must be at most {_MOST_ID} characters [json-pointer:/blocks]"
    yield from _twice("block_id", named, "[json-pointer:/blocks]")


def _wrong_block(block: Json, where: str) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield from _wrong_text(block.get("text"), _MOST_HEADER, where, ("plain_text",))
        case "section":
            yield from _wrong_text(block.get("text"), _MOST_SECTION, where)
            yield from _wrong_menu(block.get("accessory"), where)
        case "context":
            yield from _wrong_elements(block.get("elements"), where)
        case "actions":
            yield from _wrong_actions(block.get("elements"), where)
    try:
        parsed = Block.parse(block)
        if parsed is not None:
            parsed.to_dict()
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        yield f"{error} {where}"


def _wrong_elements(elements: Any, where: str) -> Iterator[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= _MOST_ELEMENTS:
        yield f"must hold 1 to {_MOST_ELEMENTS} elements {where}"
        return
    for element in elements:
        yield from _wrong_text(element, _MOST_SECTION, where)


def _wrong_actions(elements: Any, where: str) -> Iterator[str]:
    if not isinstance(elements, list) or not 1 <= len(elements) <= _MOST_ACTIONS:
        yield f"must hold 1 to {_MOST_ACTIONS} elements {where}"
        return
    for element in elements:
        if not isinstance(element, dict) or element.get("type") != "button":
            yield f"unsupported element {where}"
        elif unknown := set(element) - _BUTTON:
            yield f"unknown fields {sorted(unknown)} {where}"
        else:
            yield from _wrong_text(element.get("text"), _MOST_BUTTON, where, ("plain_text",))
    yield from _twice("action_id", [e.get("action_id") for e in elements], where)


def _wrong_menu(menu: Any, where: str) -> Iterator[str]:
    if menu is None:
        return
    if not isinstance(menu, dict) or menu.get("type") != "overflow":
        yield f"unsupported element {where}"
        return
    options = menu.get("options") or []
    if unknown := set(menu) - {"type", "action_id", "options"}:
        yield f"unknown fields {sorted(unknown)} {where}"
    if not 1 <= len(options) <= _MOST_OPTIONS:
        yield f"must hold 1 to {_MOST_OPTIONS} options {where}"
    for option in options:
        yield from _wrong_text(option.get("text"), _MOST_BUTTON, where, ("plain_text",))
        if not 1 <= _units(str(option.get("value") or "")) <= _MOST_VALUE:
            yield f"value must be between 1 and {_MOST_VALUE} characters {where}"
    yield from _twice("value", [o.get("value") for o in options], where)


def _twice(name: str, values: Iterable[Any], where: str) -> Iterator[str]:
    values = [v for v in values if v is not None]
    if len(set(values)) < len(values):
        yield f"{name} stands there twice {where}"


def _wrong_text(
    text: Any, most: int, where: str, types: tuple[str, ...] = ("plain_text", "mrkdwn")
) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in types:
        yield f"must be a text object of type {' or '.join(types)} {where}"
        return
    allowed = {"type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"}
    if unknown := set(text) - allowed:
        yield f"unknown fields {sorted(unknown)} {where}"
    length = _units(text["text"]) if isinstance(text.get("text"), str) else 0
    if not 1 <= length <= most:
        yield f"must be between 1 and {most} characters {where}"


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _refuse(code: str) -> Json:
    return {"ok": False, "error": code}

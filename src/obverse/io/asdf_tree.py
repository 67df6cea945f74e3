"""The tree of an ASDF file: YAML to plain values and back, without believing or running anything in it.

The text is measured before a tree is made of it: how deep it nests and how large its aliases would unfold. What
has a tag keeps it, so that a tree that was read can be written again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from obverse.errors import DataError
from obverse.io.text import FETCH, shown

__all__ = ["CORE", "MOST_TEXT", "TaggedList", "TaggedMap", "TaggedText", "dump_tree", "like", "parse_tree", "tag_of"]

CORE = "tag:stsci.edu:asdf/"
"""What ``!`` abbreviates in the tags of an ASDF file."""

MOST_TEXT = 32 << 20
"""Longest tree that is read [bytes]; a Roman image has 20 kB."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C library is optional, and ten times faster
_MOST_VALUES = 1_000_000
_DEEPEST = 64
_YAML = "tag:yaml.org,2002:"
_SCALARS = {f"{_YAML}{name}" for name in ("null", "bool", "int", "float", "str")}
_CONSTRUCTOR = yaml.constructor.SafeConstructor()
_REPRESENTER = yaml.representer.SafeRepresenter()


class TaggedMap(dict[Any, Any]):
    """A mapping with a tag."""

    tag: str = ""


class TaggedList(list[Any]):
    """A list with a tag."""

    tag: str = ""


class TaggedText(str):
    """A scalar with a tag, as text."""

    __slots__ = ("tag",)
    tag: str


def tag_of(value: object) -> str:
    """Return the tag of a value, empty where it has none."""
    return str(getattr(value, "tag", ""))


def like(old: Any, made: Any) -> Any:
    """Give a collection the tag of another."""
    if not tag_of(old):
        return made
    copy = type(old)(made)
    copy.tag = old.tag
    return copy


def parse_tree(text: bytes, where: str) -> Any:
    r"""Turn YAML into dicts, lists, numbers and text.

    Parameters
    ----------
    text
        One YAML document.
    where
        ``<file>: tree``, for messages.

    Raises
    ------
    DataError
        If it is not YAML, nests deeper than 64, would unfold to more than a million values, says a key twice,
        points into another file (``$ref``), or asks for an object of Python.

    Notes
    -----
    An alias counts as often as it is named: a few hundred bytes of aliases to aliases can stand for more values
    than there are atoms, and programs that walk such a tree hang.

    Examples
    --------
    >>> parse_tree(b"--- !core/asdf-1.1.0\nmeta: {frame_time: 3.16}\n", "a.asdf: tree")
    {'meta': {'frame_time': 3.16}}
    """
    try:
        _refuse_unmeasured(yaml.parse(text, Loader=_LOADER), where)
        return _value(yaml.compose(text, Loader=_LOADER), where)
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(f"{where}: not valid YAML ({shown(problem, 200)}), {FETCH}") from None


def _refuse_unmeasured(events: Iterable[Any], where: str) -> None:
    """Count the values that the text stands for, aliases unfolded, and how deep they nest."""
    known: dict[str, int] = {}  # anchor to the number of values behind it, once that is complete
    still_open: list[tuple[str | None, int]] = [(None, 0)]
    for event in events:
        if isinstance(event, yaml.CollectionStartEvent):
            still_open.append((event.anchor, 1))
            if len(still_open) > _DEEPEST:
                raise DataError(f"{where}: nests deeper than {_DEEPEST}, no data product does: {FETCH}")
            continue
        anchor, count = _counted(event, still_open, known, where)
        above, sum_above = still_open.pop()
        still_open.append((above, sum_above + count))
        if anchor is not None:
            known[anchor] = count
        if sum_above + count > _MOST_VALUES:
            raise DataError(f"{where}: its aliases unfold to more than {_MOST_VALUES} values, this looks like a bomb")


def _counted(
    event: Any, still_open: list[tuple[str | None, int]], known: dict[str, int], where: str
) -> tuple[str | None, int]:
    """Return the anchor of what this event completes, and the values in it."""
    if isinstance(event, yaml.CollectionEndEvent):
        return still_open.pop()
    if isinstance(event, yaml.ScalarEvent):
        return event.anchor, 1
    if not isinstance(event, yaml.AliasEvent):
        return None, 0
    if event.anchor not in known:
        raise DataError(f"{where}: alias {shown(event.anchor)!r} stands in itself or for nothing, {FETCH}")
    return None, known[event.anchor]


def _value(node: Any, where: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _tagged(TaggedMap(_items(node, where)), node.tag, where)
    if isinstance(node, yaml.SequenceNode):
        return _tagged(TaggedList(_value(item, where) for item in node.value), node.tag, where)
    if node is None:
        return None
    return _CONSTRUCTOR.construct_object(node) if node.tag in _SCALARS else _text(node, where)


def _items(node: Any, where: str) -> Iterable[tuple[Any, Any]]:
    seen = set()
    for key_node, value_node in node.value:
        key = _value(key_node, where)
        if not isinstance(key, str | int) or key in seen:
            raise DataError(f"{where}: key {shown(key)!r} stands there twice or is no name, {FETCH}")
        if key == "$ref":
            raise DataError(f"{where}: $ref points into another file, which is not opened: give a file that is whole")
        seen.add(key)
        yield key, _value(value_node, where)


def _text(node: Any, where: str) -> str:
    """Return a scalar that has a tag; a time without one is text to ASDF."""
    text = TaggedText(node.value)
    return str(text) if node.tag == f"{_YAML}timestamp" else _tagged(text, node.tag, where)


def _tagged(value: Any, tag: str, where: str) -> Any:
    if tag in (f"{_YAML}map", f"{_YAML}seq"):
        return dict(value) if isinstance(value, dict) else list(value)
    if tag.startswith(_YAML):
        raise DataError(f"{where}: asks for {shown(tag.removeprefix(_YAML))}, which no data product holds: refused")
    value.tag = tag
    return value


def dump_tree(tree: dict[str, Any]) -> bytes:
    """Write a tree, from ``%YAML`` to the end of the document; what has a tag gets it again.

    Examples
    --------
    >>> print(dump_tree({"a": [1, None], "b": "1"}).decode())
    %YAML 1.1
    %TAG ! tag:stsci.edu:asdf/
    --- !core/asdf-1.1.0
    a: [1, null]
    b: '1'
    ...
    """
    node = _node(tree)
    node.tag = f"{CORE}core/asdf-1.1.0"
    text = yaml.serialize(node, version=(1, 1), tags={"!": CORE}, explicit_start=True, explicit_end=True, width=120)
    return str(text).encode()


def _node(value: Any) -> Any:
    if isinstance(value, dict):
        pairs = [(_node(key), _node(item)) for key, item in value.items()]
        return yaml.MappingNode(tag_of(value) or f"{_YAML}map", pairs, flow_style=False)
    if isinstance(value, list | tuple):
        items = [_node(item) for item in value]
        simple = all(isinstance(item, yaml.ScalarNode) or item.flow_style for item in items)
        return yaml.SequenceNode(tag_of(value) or f"{_YAML}seq", items, flow_style=simple)
    if isinstance(value, TaggedText):
        return yaml.ScalarNode(value.tag, str(value))
    return _REPRESENTER.represent_data(value)

"""What goes out to a worker and what comes back is the same on both sides; anything else is a ValueError."""

from __future__ import annotations

import dataclasses
import json
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator import errors
from orchestrator.errors import FaultError, WheelproofError
from orchestrator.farm.cluster import values
from orchestrator.farm.cluster.values import ImageRequest, Reply, SentFile, SentJob, SentVerification
from orchestrator.images.recipe import ImageRecipe
from orchestrator.model import Image, Result, Target, Verification, digest
from orchestrator.results import store
from tests.dask_cluster import job, result, sent
from tests.sample_results import HOSTILE, explained

if TYPE_CHECKING:
    from pydantic import TypeAdapter

DEEPEST = 5
SIMPLE = {
    str: "a\udc80\0é\\udc80",
    int: 3,
    float: 1.5,
    bool: True,
    bytes: b"\xff",
    datetime: datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
    Path: Path("a"),
}
RECORDS = sorted((Path(__file__).parents[3] / "records").glob("*/records/*/*.json"))
FILE = SentFile("wheels", "a" * 64, 3)
ALL_ERRORS = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, WheelproofError)]


def again(form: TypeAdapter[Any], value: object) -> object:
    """Return a value as the other side gets it."""
    data = values.encoded(form, value)
    return values.decoded(form, data)


def filled(kind: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any type of a field
    """Return a value of a type in which each optional part is there, and each text has a lone surrogate."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, vars(sys.modules[kind.__module__]))
        return kind(**{field.name: filled(hints[field.name], depth + 1) for field in dataclasses.fields(kind)})
    parts = [part for part in get_args(kind) if part is not type(None)]
    if get_origin(kind) in {Union, UnionType}:
        return None if depth > DEEPEST else filled(parts[0], depth)
    if get_origin(kind) is tuple:
        return tuple(filled(part, depth + 1) for part in parts if part is not ...) * (2 if ... in parts else 1)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    return SIMPLE[kind]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (values.JOB, SentJob),
        (values.IMAGE_REQUEST, ImageRequest),
        (values.IMAGE, Image),
        (values.REPLY, Result),
        (values.REPLY, Verification),
        (values.VERIFICATION, SentVerification),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_each_field_arrives_as_it_was_sent(form: TypeAdapter[Any], kind: type) -> None:
    """Each optional part is there."""
    value = filled(kind)
    field = {Result: "result", Verification: "verification"}.get(kind)
    whole = Reply(**{field: value}, files=(FILE,), worker="w") if field else value
    assert again(form, whole) == whole


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parts[-4]}-{path.parent.name}-{path.stem[-8:]}")
def test_real_records_arrive_as_they_were_sent(path: Path) -> None:
    """A result of every schema comes back field by field."""
    found = store.read(path)
    assert found is not None
    reply = Reply(result=found, files=(FILE,), worker="tcp://host:1")
    assert again(values.REPLY, reply) == reply


@pytest.mark.parametrize("text", [HOSTILE, "\udc80\ud800", "\0", "\\udc80", "\x7f\x85\u2028", "é" * 1000])
def test_texts_of_packages_arrive_as_they_were_sent(text: str) -> None:
    """Lone surrogates, controls and what looks like an escape are kept."""
    found = replace(explained(), reason=text, left_open=text, requirement=text)
    for reply in (Reply(result=found), Reply(refused=text), Reply(failed=text, kind="EngineError")):
        assert again(values.REPLY, reply) == reply


def test_a_recipe_is_the_same_image_on_the_worker() -> None:
    """Files that are no text, and the recipe of the base, give the same tag."""
    below = ImageRecipe("bookworm", "bookworm", "debian@sha256:1", datetime(2026, 1, 1, tzinfo=UTC), (), ())
    recipe = replace(
        below,
        name="custom",
        base="bookworm",
        lock=(("gcc:amd64", "12"),),
        files=(("Dockerfile", b"FROM x"), ("blob", bytes(range(256)))),
        below=below,
        target=Target("3.11", "x86_64-manylinux_2_36"),
        earlier=(datetime(2025, 1, 1, tzinfo=UTC),),
    )
    request = again(values.IMAGE_REQUEST, ImageRequest(sent(job("a")).terms, values.sent_recipe(recipe)))
    assert isinstance(request, ImageRequest)
    assert request.recipe.recipe() == recipe
    assert request.recipe.recipe().tag == recipe.tag


GOOD = json.loads(values.encoded(values.REPLY, Reply(result=result(job("a")), files=(FILE,))))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"result": 1}',
        b"[" * 100_000,
        b'{"result":' * 100_000,
        b'{"refused": "\\ud800"',
        values.encoded(values.REPLY, Reply(refused="\udc80"))[:-1] + b',"x":' + b"[" * 100_000,
        json.dumps({**GOOD, "files": [{"store": "../x", "sha256": "a" * 64, "size": 1}]}).encode(),
        json.dumps({**GOOD, "files": [{"store": "logs", "sha256": "../../x", "size": 1}]}).encode(),
        json.dumps({**GOOD, "files": [{"store": "logs", "sha256": "a" * 64 + "\n", "size": 1}]}).encode(),
        json.dumps({**GOOD, "files": [{"store": "logs", "sha256": "a" * 64, "size": -1}]}).encode(),
        json.dumps({**GOOD, "result": {**GOOD["result"], "verdict": "fine"}}).encode(),
        json.dumps({"refused": "\\u{dc80}" * 3, "files": 3}).encode(),
    ],
    ids=lambda data: digest(data.hex())[:6],
)
def test_what_is_no_reply_is_a_value_error(data: bytes) -> None:
    """A file's name, store and size are bounded; no depth ends the program."""
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it complains about
        values.decoded(values.REPLY, data)


@given(st.binary(max_size=60), st.integers(0, 400), st.integers(0, 40))
def test_damaged_json_is_a_value_error_or_another_reply(noise: bytes, start: int, cut: int) -> None:
    """Nothing else is raised."""
    whole = values.encoded(values.REPLY, Reply(result=result(job("a")), files=(FILE,), worker="w"))
    with suppress(ValueError):
        assert isinstance(values.decoded(values.REPLY, whole[:start] + noise + whole[start + cut :]), Reply)


def test_a_file_of_a_recipe_that_is_no_base64_is_a_value_error() -> None:
    """It is not decoded by guessing."""
    recipe = replace(sent(job("a")).recipe, files=(("Dockerfile", "no base64!"),))
    with pytest.raises(ValueError, match="base64"):
        recipe.recipe()


@pytest.mark.parametrize("kind", ALL_ERRORS, ids=lambda kind: kind.__name__)
def test_each_error_keeps_its_kind(kind: type[WheelproofError]) -> None:
    """The status of the run and whether it may pass follow from the kind."""
    found = values.error_of(values.failure(kind("it failed")))
    assert type(found) is kind
    assert str(found) == "it failed"


@pytest.mark.parametrize("kind", ["", "OSError", "is_of_the_host", "__name__", "errno", "NotHereError"])
def test_an_unknown_kind_of_error_is_a_fault(kind: str) -> None:
    """Nothing but an error of the farm is made from a name."""
    assert type(values.error_of(Reply(failed="it failed", kind=kind))) is FaultError


def test_the_program_is_known_by_its_files(tmp_path: Path) -> None:
    """A module, its name, and data that it reads count; what Python writes beside them does not."""
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "one.py").write_text("x = 1\n")
    (tmp_path / "seccomp.json").write_text("{}")
    seen = {values.code_of(tmp_path)}
    for change in (
        lambda: (tmp_path / "part" / "one.py").write_text("x = 2\n"),
        lambda: (tmp_path / "part" / "one.py").rename(tmp_path / "part" / "two.py"),
        lambda: (tmp_path / "seccomp.json").write_text("[]"),
        lambda: (tmp_path / "new.py").write_text(""),
        lambda: (tmp_path / "frontends.lock").write_text(""),
    ):
        change()
        seen.add(values.code_of(tmp_path))
    assert len(seen) == 6
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "one.cpython-311.pyc").write_text("compiled")
    assert values.code_of(tmp_path) in seen


def test_this_program_has_one_digest() -> None:
    """It is that of its own files."""
    assert values.code() == values.code_of(Path(values.__file__).parents[2])
    assert len(values.code()) == 16

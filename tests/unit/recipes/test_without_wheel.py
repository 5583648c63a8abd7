"""The text of a script before its wheel was known, from the text that names the wheel."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.experiments.remedies import NAMES
from orchestrator.model import OfferedWheel, RecipeForm, Sdist, WheelFile
from orchestrator.model.request import LineEnds, Recreation
from orchestrator.model.verification import ArchiveField
from orchestrator.recipes import RecipeInputs, without_wheel, write
from tests.recipe_cases import PIN, PLAIN, SHA

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPTS = (RecipeForm.SH, RecipeForm.BUILD, RecipeForm.UV)
OLD = Path(__file__).parents[2] / "records"
LINES = (
    "*.whl",
    f"expected='{SHA}'",
    f"\nexpected='{SHA}'\n",
    f"# {SHA}  pkg-1.0-py3-none-any.whl",
    "' || exit 0; '",
    "'pkg-1.0-py3-none-any.whl'",
    'not known}  "',
)
"""Texts that look like those that are replaced."""

names = st.text(max_size=20) | st.sampled_from(LINES) | st.sampled_from(("pkg-1.0-py3-none-any.whl", "3.11", "exit"))
hashes = st.sampled_from((SHA, SHA[::-1])) | st.text("0123456789abcdef", min_size=64, max_size=64)
urls = st.sampled_from(("https://index.invalid/pkg.whl", "")) | names
pairs = st.lists(st.tuples(names, names), max_size=2).map(tuple)
recreations = st.builds(
    Recreation,
    clock=st.none() | st.just(1_500_000_000),
    umask=st.none() | st.just(0o002),
    line_ends=st.sampled_from(LineEnds),
    timezone=st.sampled_from(("", "UTC0")),
)
all_inputs = st.builds(
    RecipeInputs,
    project=names,
    version=names,
    sdist=st.builds(Sdist, names, urls, hashes),
    backend=names,
    pins=st.lists(st.builds(lambda name, sha256: replace(PIN, name=name, sha256=sha256), names, hashes)).map(tuple),
    remedies=st.just(()) | st.just(tuple(NAMES)) | st.sampled_from(NAMES).map(lambda name: (name,)),
    python=names,
    native=st.booleans(),
    image=names,
    base=names,
    packages=st.lists(st.tuples(names | st.just("gcc"), names), max_size=2).map(tuple),
    source_date_epoch=st.none() | st.integers(0, 2**33),
    config_settings=pairs,
    wheel=st.builds(WheelFile, names, hashes, st.just(1)),
    recreation=recreations,
    published=st.none() | st.builds(OfferedWheel, names, urls, hashes),
    taken=st.sampled_from(((), tuple(ArchiveField))),
)


@pytest.mark.parametrize("form", SCRIPTS)
@given(inputs=all_inputs)
def test_the_wheel_alone_is_left_out(form: RecipeForm, inputs: RecipeInputs) -> None:
    """Whatever a package chose, with remedies and without, for a published wheel and for another."""
    before = write(form, replace(inputs, wheel=None))
    assert without_wheel(write(form, inputs)) == before
    assert without_wheel(before) == before


@given(text=st.text())
def test_what_is_no_such_text_stays(text: str) -> None:
    """Also a text that begins as one."""
    assert without_wheel(text) == text
    assert without_wheel(write(RecipeForm.SH, PLAIN)[:200] + text)


@pytest.mark.parametrize("form", sorted(set(RecipeForm) - set(SCRIPTS)))
def test_another_form_stays(form: RecipeForm) -> None:
    """Even those that contain a script."""
    text = write(form, PLAIN)
    assert without_wheel(text) == text


def _texts(value: object) -> Iterator[str]:
    """Yield all recipes of a record."""
    if isinstance(value, dict):
        if "form" in value and "text" in value:
            yield value["text"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _texts(one)


def test_texts_of_former_releases_can_be_read() -> None:
    """Of those that name a wheel, none is left that does."""
    texts = {text for path in OLD.rglob("*.json") for text in _texts(json.loads(path.read_text()))}
    scripts = [text for text in texts if text.startswith("#!/bin/sh\n") and "\nexpected='" in text]
    assert scripts
    assert all("\nexpected=''\n" in without_wheel(text) for text in scripts)
    assert all(without_wheel(without_wheel(text)) == without_wheel(text) for text in texts)

"""What a record has of a package's text can be read back, and does nothing to whoever looks at it."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from orchestrator.model import Failure, Phase, Reason, Result, Verdict
from orchestrator.results import store as results
from orchestrator.results.store import Results
from orchestrator.util import escapes
from tests.sample_results import all_hostile, sample

if TYPE_CHECKING:
    from pathlib import Path


TEXTS = st.lists(
    st.sampled_from([*"⟨⟩U+27E80 \n\t\0\x1b\x9b\u202e\u2066\u200b\u2028\ufeff\udc80\ud83d\ude00é漢\\"])
).map("".join) | st.text(st.characters(categories=("L", "N", "P", "S", "Z", "C")))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain, C:\\path\\u202e and \\x1b", "plain, C:\\path\\u202e and \\x1b"),
        ("é 漢字 ⟨x⟩ 🎉\tline\nline", "é 漢字 ⟨x⟩ 🎉\tline\nline"),
        ("a\udc80b", "a⟨U+DC80⟩b"),
        ("\x1b[31m\0\r\x9b", "⟨U+001B⟩[31m⟨U+0000⟩⟨U+000D⟩⟨U+009B⟩"),
        ("\u202egpj.exe\u2069\u200b\u2028", "⟨U+202E⟩gpj.exe⟨U+2069⟩⟨U+200B⟩⟨U+2028⟩"),
        ("\U000e0041", "⟨U+E0041⟩"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
        ("⟨⟨U+27E8⟩U+202E⟩", "⟨⟨U+27E8⟩U+27E8⟩U+202E⟩"),
    ],
)
def test_what_is_honest_stays_and_what_is_hidden_is_spelt_out(text: str, written: str) -> None:
    """And can be read back."""
    assert escapes.escaped(text) == written
    assert escapes.unescaped(written) == text


@given(TEXTS)
def test_every_text_can_be_read_back(text: str) -> None:
    """No character of what is written hides, orders others or has no form in UTF-8."""
    written = escapes.escaped(text)
    assert escapes.unescaped(written) == text
    written.encode()
    assert not {one for one in written if unicodedata.category(one) in escapes.HIDDEN} - {"\n", "\t"}


@given(TEXTS, TEXTS)
def test_no_two_texts_are_written_alike(first: str, second: str) -> None:
    """Or one package could be taken for another."""
    assert (escapes.escaped(first) == escapes.escaped(second)) == (first == second)


def test_only_what_utf_8_refuses_is_spelt_out_of_what_is_no_record() -> None:
    """As `compare --json` has it."""
    assert escapes.encodable({"a": ["\x1b \u202e ⟨U+DC80⟩ \udc80", 1, None]}) == {
        "a": ["\x1b \u202e ⟨U+DC80⟩ ⟨U+DC80⟩", 1, None]
    }


@pytest.mark.parametrize("text", ["⟨U+110000⟩", "⟨U+⟩", "⟨U+20⟩", "⟨U+202e⟩", "⟨U+202E", "⟨"])
def test_what_was_never_written_is_read_as_it_is(text: str) -> None:
    """Records of earlier versions have texts as they were."""
    assert escapes.unescaped(text) == text


def hostile(text: str) -> Result:
    """Return a result with a text wherever a package may put one."""
    failure = Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, text, text, debian_packages=(text,))
    found = all_hostile(replace(sample("six", verdict=Verdict.FTBFS), failure=failure, reason=text))
    builds = tuple(
        replace(one, failure=failure, wheel=replace(one.wheel, filename=text) if one.wheel else None)
        for one in found.builds
    )
    return replace(found, builds=builds, recipe=(text, text), requirement=text)


@given(TEXTS)
def test_a_record_gives_back_what_was_found(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Whatever it was; and any parser of JSON takes it."""
    store = Results(tmp_path_factory.mktemp("results"), wheels=1, logs=1)
    result = hostile(text)
    path = store.write(result)
    assert results.read(path) == result
    for data in (path.read_bytes(), b"".join(results.as_json([result]))):
        strict = data.decode("utf-8")
        assert not re.search(r"\\u(?!00)[0-9a-fA-F]{4}|\\u00[89]", strict), "nothing is hidden in JSON's own escapes"
        (json.loads(strict),)
        assert not {one for one in strict if unicodedata.category(one) in escapes.HIDDEN} - {"\n"}


def test_records_of_earlier_versions_are_read_as_they_were(tmp_path: Path) -> None:
    """With characters in JSON's own escapes, and others as they are."""
    result = hostile("é \x1b[31m \u202e \\ ⟨x⟩")
    path = tmp_path / "record.json"
    path.write_bytes(TypeAdapter(Result).dump_json(result, indent=1))  # as it was written before
    assert results.read(path) == result


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"[" * 100_000, b'{"x": "\xe2\x9f\xa8U+', b"\xff", b"null"])
def test_a_damaged_record_is_none(tmp_path: Path, data: bytes) -> None:
    """And is left to whoever looks after it."""
    path = tmp_path / "record.json"
    path.write_bytes(data)
    assert results.read(path) is None


def test_a_number_that_json_has_no_form_for_is_refused(tmp_path: Path) -> None:
    """Better no record than one that nobody can read."""
    with pytest.raises(ValueError, match="nan"):
        Results(tmp_path, wheels=1, logs=1).write(replace(sample("six"), flake_bound=float("nan")))

"""The channel takes what an honest guest sends, in any pieces, and nothing else."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.build.engine import STDOUT
from orchestrator.build.protocol import LONGEST_FRAME, BrokenChannelError, FrameReader, Made, Probed, Refused, read
from orchestrator.guest.main import LONGEST_REQUIREMENT, MOST_REQUIREMENTS, plain
from orchestrator.model import Limits, Probe, Reason
from tests.samples import FIRST, probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SMALL = Limits(seconds=60, log=1 << 12, wheel=1 << 12)
SENT = replace(probe(FIRST), boot_id="")
"""What a guest can see: not the identity of the host's kernel, which the engine's side adds."""

SEEN = {"probe": {key: value for key, value in asdict(SENT).items() if key != "boot_id"}}
ASKED = {"asked": ["setuptools"]}
LACKING = {"asked": ["setuptools", "cython>=3"]}
FAILED = {"failed": 1, "forks_refused": False, "space_left": True, "short_of_memory": ""}
MISSING = {"missing": True}
MADE = {"file": "pkg-1.0-py3-none-any.whl", "size": 5, "cpu_seconds": 0.25}
CONTENT = b"wheel"


def finding(phase: str, reason: str) -> dict[str, Any]:
    """Return a frame with what is wrong with a package."""
    return {"failure": {"phase": phase, "reason": reason, "detail": "so it is"}}


UNPACK = finding("unpack", "broken-sdist")
WHEEL = finding("wheel", "no-wheel")
UNANSWERED = finding("requirements", "missing-build-requirement")
LIMITED = finding("build-wheel", "broken-channel")
UNREPAIRED = finding("finish", "no-wheel")

# Whether the requirements are asked for, and what is then sent.
CONVERSATIONS: tuple[tuple[bool, tuple[dict[str, Any], ...], bytes], ...] = (
    (False, (UNPACK,), b""),
    (False, (SEEN, MADE), CONTENT),
    (False, (SEEN, FAILED), b""),
    (False, (SEEN, WHEEL), b""),
    (False, (SEEN, LIMITED), b""),
    (True, (SEEN, FAILED), b""),
    (True, (SEEN, UNANSWERED), b""),
    (True, (SEEN, LACKING, MISSING), b""),
    (True, (SEEN, ASKED, MADE), CONTENT),
    (True, (SEEN, ASKED, UNPACK), b""),
)


def line(frame: object) -> bytes:
    """Write a frame as the guest does."""
    return json.dumps(frame).encode() + b"\n"


def heard(pieces: Iterable[bytes], *, ask: bool = False, folder: Path | None = None) -> FrameReader:
    """Let a channel hear pieces until it has heard enough, and check that it kept within its bounds."""
    answers: list[tuple[str, ...]] = []
    with tempfile.TemporaryDirectory() as lent:
        listener = FrameReader(folder or Path(lent), SMALL, answers.append, given=("setuptools",) if ask else None)
        for piece in pieces:
            goes_on = listener(STDOUT, piece)
            assert goes_on == (not listener.broken)
            if not goes_on:
                break
        listener.close()
        assert listener.received == listener.file.stat().st_size <= SMALL.wheel
    assert answers == ([] if listener.asked is None else [listener.asked])
    assert listener.broken.isascii()
    assert len(listener.broken) < 500
    return listener


def pieces_of(content: bytes, cuts: Sequence[int]) -> list[bytes]:
    """Cut bytes at some places."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[begin:end] for begin, end in pairwise(places)]


@pytest.mark.parametrize(("ask", "frames", "content"), CONVERSATIONS)
def test_each_honest_conversation_is_taken_as_it_is_meant(
    ask: bool,  # noqa: FBT001
    frames: tuple[dict[str, Any], ...],
    content: bytes,
    tmp_path: Path,
) -> None:
    """Byte by byte as well as at once."""
    whole = b"".join(map(line, frames)) + content
    for pieces in ([whole], [whole[at : at + 1] for at in range(len(whole))]):
        listener = heard(pieces, ask=ask, folder=tmp_path)
        assert (listener.broken, listener.probe is None) == ("", frames[0] == UNPACK)
        assert listener.last is not None
        assert listener.asked == next((tuple(one["asked"]) for one in frames if "asked" in one), None)
        assert (listener.made is not None, listener.missing, listener.failed is not None) == (
            "file" in frames[-1],
            "missing" in frames[-1],
            "failed" in frames[-1],
        )
        assert listener.file.read_bytes() == content
    assert listener.probe in (None, SENT)


@pytest.mark.parametrize(("ask", "frames", "content"), CONVERSATIONS)
def test_what_is_cut_off_is_not_taken_for_whole(
    ask: bool,  # noqa: FBT001
    frames: tuple[dict[str, Any], ...],
    content: bytes,
) -> None:
    """Wherever it ends, there is no last word or no whole file, and nothing is broken by that."""
    whole = b"".join(map(line, frames)) + content
    for end in (*range(0, len(whole), 13), len(whole) - 1):
        listener = heard([whole[:end]], ask=ask)
        assert listener.broken == ""
        assert listener.last is None or (isinstance(listener.last, Made) and listener.made is None)


def everywhere(**changes: object) -> dict[str, Any]:
    """Return a probe with something changed."""
    return {"probe": SEEN["probe"] | changes}


@pytest.mark.parametrize(
    ("ask", "sent"),
    [
        (False, [[1]]),
        (False, ["hello"]),
        (False, [1]),
        (False, [None]),
        (False, [{}]),
        (False, [{"x": 1}]),
        (False, [MADE]),
        (False, [FAILED]),
        (False, [SEEN, SEEN]),
        (False, [SEEN, ASKED]),
        (False, [SEEN, MISSING]),
        (False, [SEEN, UNPACK]),
        (False, [SEEN, UNANSWERED]),
        (False, [SEEN, FAILED | {"more": 1}]),
        (False, [SEEN, MADE | FAILED]),
        (False, [SEEN, FAILED, FAILED]),
        (False, [SEEN, finding("wheel", "time-out")]),
        (False, [SEEN, finding("build-wheel", "build-error")]),
        (False, [SEEN, finding("wheel", "no-such-reason")]),
        (True, [SEEN, MADE]),
        (True, [SEEN, MISSING]),
        (True, [SEEN, ASKED, ASKED]),
        (True, [SEEN, ASKED, MISSING]),
        (True, [SEEN, ASKED, UNANSWERED]),
        (True, [SEEN, LACKING, FAILED]),
        (True, [SEEN, LACKING, MADE]),
        (True, [SEEN, {"asked": "setuptools"}]),
        (True, [SEEN, {"asked": [1]}]),
        (True, [SEEN, {"asked": ["\ud800"]}]),
        (True, [SEEN, {"asked": ["x" * (LONGEST_REQUIREMENT + 1)]}]),
        (True, [SEEN, {"asked": ["x"] * (MOST_REQUIREMENTS + 1)}]),
        (False, [SEEN, FAILED | {"failed": True}]),
        (False, [SEEN, FAILED | {"failed": "1"}]),
        (False, [SEEN, FAILED | {"failed": 1 << 70}]),
        (False, [SEEN, FAILED | {"space_left": 1}]),
        (False, [SEEN, FAILED | {"short_of_memory": "neither"}]),
        (False, [SEEN, {"failed": 1}]),
        (False, [SEEN, {"missing": False}]),
        (False, [SEEN, MADE | {"size": -1}]),
        (False, [SEEN, MADE | {"size": 1.0}]),
        (False, [SEEN, MADE | {"size": SMALL.wheel + 1}]),
        (False, [SEEN, MADE | {"size": True}]),
        (False, [SEEN, MADE | {"cpu_seconds": -0.1}]),
        (False, [SEEN, MADE | {"cpu_seconds": float("nan")}]),
        (False, [SEEN, MADE | {"cpu_seconds": float("inf")}]),
        (False, [SEEN, MADE | {"cpu_seconds": 1e12}]),
        (False, [SEEN, MADE | {"file": ""}]),
        (False, [SEEN, MADE | {"file": "../x.whl"}]),
        (False, [SEEN, MADE | {"file": "x\0.whl"}]),
        (False, [SEEN, MADE | {"file": "\ud800.whl"}]),
        (False, [SEEN, MADE | {"file": "x" * 256}]),
        (False, [everywhere(clock=float("nan"))]),
        (False, [everywhere(clock=float("inf"))]),
        (False, [everywhere(clock="1")]),
        (False, [everywhere(umask=-1)]),
        (False, [everywhere(cpus=0)]),
        (False, [everywhere(hash_of_word=1 << 64)]),
        (False, [everywhere(hostname="x" * 5000)]),
        (False, [everywhere(hostname="\udcff")]),
        (False, [everywhere(listing=["x"] * 65)]),
        (False, [everywhere(variables=[["a"]])]),
        (False, [everywhere(more=1)]),
        (False, [everywhere(boot_id="0d8f3c52-7a51-4f0e-9c56-000000000001")]),  # a guest cannot know it
        (False, [everywhere(processor="x" * 301)]),
        (False, [everywhere(processor="x\x1b[1m")]),
        (False, [everywhere(processor="x\u202ey")]),
        (False, [everywhere(processor=None)]),
        (False, [everywhere(cpu_flags="0123456789abcde")]),
        (False, [everywhere(cpu_flags="0123456789ABCDEF")]),
        (False, [everywhere(cpu_flags="0123456789abcdef\n")]),
        (False, [everywhere(cpu_flags=["sse"])]),
        (False, [everywhere(kernel_version="Linux\nversion")]),
        (False, [everywhere(kernel_version="x" * 301)]),
        (False, [{"probe": {}}]),
        (False, [{"probe": []}]),
    ],
)
def test_what_no_guest_sends_breaks_the_channel(ask: bool, sent: list[object]) -> None:  # noqa: FBT001
    """Wrong types, unknown keys, numbers without bounds, and frames out of turn."""
    assert heard([b"".join(map(line, sent))], ask=ask).broken


@pytest.mark.parametrize(
    "sent",
    [
        b'{"probe": ' + b"[" * 100_000 + b"\n",
        b'{"file": "x", "size": 1e999, "cpu_seconds": 0.0}\n',
        b'{"file": "x", "size": ' + b"9" * 5000 + b', "cpu_seconds": 0.0}\n',
        b'{"file": "x", "size": 1, "size": 2, "cpu_seconds": 0.0}\n',
        b'{"missing": true, "missing": true}\n',
        b'\xff\xfe{\0"\0',
        b"\xff\n",
        b"\n",
        b"\0\n",
        b"x" * (LONGEST_FRAME + 1),
    ],
    ids=lambda sent: sent[:24].decode("latin-1"),
)
def test_what_is_hardly_json_breaks_the_channel(sent: bytes) -> None:
    """At the line's end at the latest, and without an exception of any reader."""
    assert heard([line(SEEN), sent, b"\n"]).broken


def test_nothing_follows_the_last_word() -> None:
    """Neither a frame, nor more of a file than was announced."""
    assert heard([line(SEEN), line(FAILED), b"\n"]).broken
    assert heard([line(SEEN), line(MADE), CONTENT, b"x"]).broken
    assert heard([line(SEEN), line(MADE) + CONTENT + b"x"]).broken
    assert heard([line(SEEN), line(MADE) + CONTENT]).broken == ""


def test_the_log_is_bounded(tmp_path: Path) -> None:
    """What is beyond its limit is not kept, and ends the build."""
    listener = FrameReader(tmp_path, SMALL, lambda _answer: None)
    assert listener(2, b"x" * SMALL.log)
    assert not listener(2, b"x" * SMALL.log)
    assert not listener(2, b"x")
    listener.close()
    assert listener.log.stat().st_size == SMALL.log


def test_every_field_of_a_probe_has_its_bounds() -> None:
    """The schema of the frame names the fields of the value that a guest can see, no more and no fewer."""
    frame = read(line(SEEN))
    assert isinstance(frame, Probed)
    assert set(type(frame.probe).model_fields) == {field.name for field in fields(Probe)} - {"boot_id"}


def test_names_that_are_not_utf8_are_spelt_out_before_they_are_sent() -> None:
    """So that an sdist with such names does not break the channel."""
    sent = everywhere(listing=[b"caf\xe9".decode("utf-8", "surrogateescape")])
    listener = heard([line(plain(sent))])
    assert listener.probe is not None
    assert listener.probe.listing == ("caf\\udce9",)


def test_a_finding_is_read_as_one() -> None:
    """With its reason."""
    frame = read(line(LIMITED))
    assert isinstance(frame, Refused)
    assert frame.failure.reason is Reason.BROKEN_CHANNEL


def test_only_a_wheel_that_is_to_be_repaired_can_fail_to_be(tmp_path: Path) -> None:
    """In other builds, an honest guest has no such finding."""
    for repairs in (False, True):
        listener = FrameReader(tmp_path, SMALL, lambda _answer: None, repairs=repairs)
        assert listener(STDOUT, line(SEEN) + line(UNREPAIRED)) is repairs
        listener.close()
        assert (listener.last is not None) is repairs


@settings(deadline=None)  # this machine may have other things to do
@given(st.binary(max_size=400), st.lists(st.integers(0, 1 << 12), max_size=8), st.booleans(), st.booleans())
def test_any_bytes_have_one_of_the_documented_outcomes(
    content: bytes,
    cuts: list[int],
    ask: bool,  # noqa: FBT001
    begun: bool,  # noqa: FBT001
) -> None:
    """Before the first frame and after it."""
    whole = (line(SEEN) if begun else b"") + content
    listener = heard(pieces_of(whole, cuts), ask=ask)
    assert listener.last is None or listener.broken


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bool, bytes]:
    """Draw an honest conversation, and change it somewhere: a value, a key, a frame, or some bytes."""
    ask, frames, content = draw(st.sampled_from(CONVERSATIONS))
    sent: list[Any] = json.loads(json.dumps(frames))
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["value", "key", "frame", "again", "order"]))
        at = draw(st.integers(0, len(sent) - 1))
        if kind == "frame":
            sent[at] = draw(JSON)
        elif kind == "again":
            sent.insert(at, sent[draw(st.integers(0, len(sent) - 1))])
        elif kind == "order":
            sent.reverse()
        elif isinstance(sent[at], dict) and sent[at]:
            inner = sent[at].get("probe") or sent[at].get("failure") or sent[at]
            target = inner if isinstance(inner, dict) else sent[at]
            key = draw(st.sampled_from(sorted(target))) if kind == "value" else draw(st.text(max_size=8))
            target[key] = draw(JSON)
    whole = bytearray(b"".join(map(line, sent)) + content)
    for _ in range(draw(st.integers(0, 2))):
        whole[draw(st.integers(0, len(whole) - 1))] = draw(st.integers(0, 255))
    return ask, bytes(whole)


@settings(deadline=None)  # this machine may have other things to do
@given(mutated(), st.lists(st.integers(0, 1 << 12), max_size=8))
@example((False, line(SEEN) + line(MADE | {"size": 1 << 62})), [])
def test_any_mutation_of_a_conversation_has_one_of_the_documented_outcomes(
    conversation: tuple[bool, bytes], cuts: list[int]
) -> None:
    """And it is the same however the bytes are cut into pieces."""
    ask, whole = conversation
    at_once, in_pieces = heard([whole], ask=ask), heard(pieces_of(whole, cuts), ask=ask)
    assert (at_once.broken, at_once.last, at_once.probe, at_once.asked) == (
        in_pieces.broken,
        in_pieces.last,
        in_pieces.probe,
        in_pieces.asked,
    ) or at_once.broken.endswith("after the end")


@settings(deadline=None)  # this machine may have other things to do
@given(st.binary(max_size=200))
def test_a_line_is_a_frame_or_breaks_the_channel(text: bytes) -> None:
    """No other exception comes out."""
    with pytest.raises(BrokenChannelError):
        read(text)

"""Rebuilds are compared with the hashes of a file."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.farm.verify_hashes import AtHand, rows
from orchestrator.model import CauseFinding, Diagnosis, Failure, Phase, Reason, Severity, Verdict
from orchestrator.requirement_files import Wanted
from orchestrator.results.store import Results
from orchestrator.results.witness import Claim, WitnessOutcome, WitnessRow, checksums, claims, differing, witnessed
from orchestrator.results.witness import verified as with_verifications
from orchestrator.util import shipped
from tests.sample_results import sample
from tests.sample_verifications import verified
from tests.samples import FIRST, IMAGE, built, failed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.model import Result

A, B, C = "a" * 64, "b" * 64, "c" * 64
NAME = "pkg-1.0-py3-none-any.whl"
CLAIM = Claim("pkg==1.0", NAME, (A,))
DEEP = Diagnosis(Severity.ARCHIVE, (CauseFinding("archive-modes", ()), CauseFinding("archive-modes", ())), (), ())


def rebuilt(sha256: str, filename: str = NAME) -> Result:
    """Return a result whose first build gave that wheel."""
    return replace(sample("pkg", "1.0", Verdict.REPRODUCIBLE), builds=(built("first", FIRST, sha256, filename),))


def row(claim: Claim, found: Result | None, fault: str = "", diagnosis: Diagnosis | None = None) -> WitnessRow:
    """Compare a claim with that result."""
    return witnessed(claim, found, fault, IMAGE.target, lambda _name, _sha256, _result: diagnosis)


def test_the_same_bytes_match() -> None:
    """No reason is given."""
    assert row(CLAIM, rebuilt(A)) == WitnessRow(NAME, A, WitnessOutcome.MATCHES, A, requirement="pkg==1.0")


def test_other_bytes_differ_with_causes_if_the_wheel_is_available() -> None:
    """Each cause once."""
    assert row(CLAIM, rebuilt(B), diagnosis=DEEP) == WitnessRow(
        NAME, A, WitnessOutcome.DIFFERS, B, ("archive-modes",), "archive", requirement="pkg==1.0"
    )
    assert "not at hand" in row(CLAIM, rebuilt(B)).reason


def test_another_name_differs_even_with_the_same_bytes() -> None:
    """The file name contains the tags."""
    found = row(replace(CLAIM, filename="pkg-1.0-py2.py3-none-any.whl"), rebuilt(A))

    assert found.outcome is WitnessOutcome.DIFFERS
    assert NAME in found.reason


def test_a_hash_without_a_name_is_that_of_whatever_was_rebuilt() -> None:
    """Of several, one will do; of none, no single hash can be shown."""
    claim = Claim("pkg==1.0", "", (A, B))

    assert row(claim, rebuilt(B)) == WitnessRow(NAME, B, WitnessOutcome.MATCHES, B, requirement="pkg==1.0")
    assert (row(claim, rebuilt(C)).outcome, row(claim, rebuilt(C)).sha256) == (WitnessOutcome.DIFFERS, "")


@pytest.mark.parametrize(
    ("found", "fault", "words"),
    [
        (None, "looking for it: no release matches", "no release matches"),
        (replace(sample("pkg", "1.0", Verdict.NO_SDIST), builds=(), reason="has no sdist"), "", "has no sdist"),
        (
            replace(
                sample("pkg", "1.0", Verdict.FTBFS),
                builds=(failed("first", FIRST),),
                failure=Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL, "Traceback\n  at work\nKeyError: 'x'\n"),
            ),
            "",
            "build-error: KeyError: 'x'",
        ),
    ],
)
def test_an_unbuildable_claim_has_a_reason(found: Result | None, fault: str, words: str) -> None:
    """In one line."""
    told = row(CLAIM, found, fault)

    assert told.outcome is WitnessOutcome.UNBUILDABLE
    assert told.rebuilt_sha256 == ""
    assert words in told.reason
    assert "\n" not in told.reason


def test_a_wheel_for_another_platform_is_unbuildable() -> None:
    """It could never have been rebuilt here."""
    told = row(
        replace(CLAIM, filename="pkg-1.0-cp311-cp311-win_amd64.whl"), rebuilt(B, "pkg-1.0-cp311-cp311-linux_x86_64.whl")
    )

    assert told.outcome is WitnessOutcome.UNBUILDABLE
    assert "win_amd64" in told.reason


def test_claims_are_the_wheels_of_a_file() -> None:
    """An sdist is what is built, and claims nothing."""
    named = Wanted("pkg", "1.0", "==1.0", "sums", 1, sdists=(("pkg-1.0.tar.gz", B),), wheels=((NAME, A),), own=(A,))
    own = Wanted("pkg", "1.0", "==1.0", "build-requirements.txt", 1, own=(A,))
    bare = Wanted("pkg", "1.0", "==1.0", "sums", 1, sdists=(("pkg-1.0.tar.gz", B),))

    assert list(claims([named, named, own, bare])) == [CLAIM, Claim("pkg==1.0", "", (A,))]


def test_of_several_images_the_nearest_to_the_file_speaks(tmp_path: Path) -> None:
    """A file is of one image; that another gives other bytes, or none, is no disagreement with it."""
    wanted = [Wanted("pkg", "1.0", "==1.0", "sums", 1, wheels=((NAME, A),), own=(A,))]
    other = replace(rebuilt(B), image=replace(rebuilt(B).image, name="trixie"))
    failing = replace(sample("pkg", "1.0", Verdict.FTBFS), builds=(failed("first", FIRST),))
    at_hand = AtHand(Results(tmp_path, wheels=1, logs=1), ())

    def outcome(*results: Result, faults: Mapping[str, str] = MappingProxyType({})) -> list[WitnessOutcome]:
        return [one.outcome for one in rows(wanted, results, faults, at_hand, shipped.IMAGES)]

    assert outcome(rebuilt(A), other) == outcome(other, rebuilt(A)) == [WitnessOutcome.MATCHES]
    assert outcome(failing, other) == [WitnessOutcome.DIFFERS]
    assert outcome(failing) == outcome(faults={"pkg==1.0": "no release"}) == [WitnessOutcome.UNBUILDABLE]
    assert outcome() == []


def test_only_wheels_that_match_are_listed_to_be_signed() -> None:
    """Sorted by name as sha256sum writes them, each once; what differs, or was not rebuilt, is not there."""
    other = replace(CLAIM, requirement="another==1.0", filename="another-1.0-py3-none-any.whl")
    found = [
        row(CLAIM, rebuilt(A)),
        row(CLAIM, rebuilt(A)),
        row(other, rebuilt(A, other.filename)),
        row(replace(CLAIM, filename="pkg-1.0-py2-none-any.whl"), rebuilt(A)),
        row(replace(CLAIM, hashes=(C,)), rebuilt(B)),
        row(replace(CLAIM, hashes=(C,)), None, "no release"),
    ]

    assert checksums(found) == f"{A}  another-1.0-py3-none-any.whl\n{A}  {NAME}\n"
    assert checksums(found[3:]) == ""
    assert differing(found[:3]) == ""


@pytest.mark.parametrize(
    "filename",
    ["requests-2.32.3-py3-none-any.whl", "pkg-1.1-py3-none-any.whl", "pkg-1.0-py3-none-any.whl\n" + B + "  x.whl"],
)
def test_no_release_writes_a_line_for_another(filename: str) -> None:
    """Whatever the record of an earlier version of this program has as the name of its wheel."""
    found = [row(Claim("pkg==1.0", "", (B,)), rebuilt(B, filename)), row(CLAIM, rebuilt(A))]

    assert checksums(found) == f"{A}  {NAME}\n"
    assert "not one of the release" in differing(found)
    assert all(line.startswith("#") for line in differing(found).splitlines())


def test_what_differs_is_listed_with_its_reason_and_the_rebuilt_hash() -> None:
    """A comment before each line; of what was not rebuilt, the comment alone."""
    missing = Claim("gone==1.0", "gone-1.0-py3-none-any.whl", (C,))
    found = [row(CLAIM, rebuilt(B), diagnosis=DEEP), row(missing, None, "no release"), row(CLAIM, rebuilt(A))]

    head, gone, why, line = differing(found).splitlines()

    assert head.startswith("# Not to be signed")
    assert gone == f"# {missing.filename}: listed {C}; unbuildable; no release"
    assert why == f"# {NAME}: listed {A}; differs; archive; causes: archive-modes"
    assert line == f"{B}  {NAME}"


@given(st.text(), st.text())
def test_no_text_of_a_package_adds_a_line(reason: str, filename: str) -> None:
    """Each line is a comment, or that of a rebuilt wheel."""
    found = row(replace(CLAIM, hashes=(C,)), rebuilt(B))
    lines = differing([replace(found, reason=reason), replace(found, filename=filename, reason=reason)])

    assert [line for line in lines.splitlines() if not line.startswith("#")] == [f"{B}  {NAME}"]


def test_sha256sum_reads_both_files(tmp_path: Path) -> None:
    """In the folder of the listed wheels, it accepts those that match and no other."""
    ours, theirs = hashlib.sha256(b"ours").hexdigest(), hashlib.sha256(b"theirs").hexdigest()
    (tmp_path / NAME).write_bytes(b"theirs")

    def accepted(text: str) -> int:
        command = ["sha256sum", "--check", "--strict"]
        return subprocess.run(command, input=text.encode(), cwd=tmp_path, capture_output=True, check=False).returncode

    claim = replace(CLAIM, hashes=(theirs,))
    assert accepted(checksums([row(claim, rebuilt(theirs))])) == 0
    assert accepted(differing([row(claim, rebuilt(ours))])) == 1
    (tmp_path / NAME).write_bytes(b"ours")
    assert accepted(differing([row(claim, rebuilt(ours))])) == 0


@pytest.mark.parametrize(
    ("claim", "matches"),
    [(CLAIM, 1), (replace(CLAIM, filename=""), 1), (replace(CLAIM, filename="x.whl"), 0)],
)
def test_a_wheel_as_its_publisher_built_it_matches_under_its_name_only(claim: Claim, matches: int) -> None:
    """The name is that of the published file."""
    published = replace(verified(wheel=NAME), sha256=A)
    (found,) = with_verifications([row(claim, None, "no release")], [published])

    assert (found.outcome is WitnessOutcome.MATCHES) == matches
    assert checksums([found]) == (f"{A}  {NAME}\n" if matches else "")


def test_a_wheel_that_cannot_be_compared_for_a_fault_leaves_the_others(tmp_path: Path) -> None:
    """Its row reports the fault, and no difference."""

    class Faulty(AtHand):
        def diagnose(self, filename: str, sha256: str, result: Result) -> Diagnosis | None:
            raise ZeroDivisionError(filename, sha256, result)

    wanted = [
        Wanted("pkg", "1.0", "==1.0", "f", 1, wheels=((NAME, B), ("pkg-1.0-py2-none-any.whl", A), (NAME, A))),
    ]
    faulty = Faulty(Results(tmp_path, wheels=1, logs=1), ())
    found = rows(wanted, [rebuilt(A)], {}, faulty, shipped.IMAGES)
    assert [one.outcome for one in found] == [
        WitnessOutcome.UNBUILDABLE,
        WitnessOutcome.UNBUILDABLE,
        WitnessOutcome.MATCHES,
    ]
    assert "a fault of wheelproof" in found[0].reason

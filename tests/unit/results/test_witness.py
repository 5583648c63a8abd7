"""Rebuilds are compared with the hashes of a file."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from orchestrator.farm.verify_hashes import AtHand, rows
from orchestrator.model import CauseFinding, Diagnosis, Failure, Phase, Reason, Severity, Verdict
from orchestrator.requirement_files import Wanted
from orchestrator.results.store import Results
from orchestrator.results.witness import Claim, WitnessOutcome, WitnessRow, checksums, claims, witnessed
from orchestrator.util import shipped
from tests.sample_results import sample
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
    assert row(CLAIM, rebuilt(A)) == WitnessRow(NAME, A, WitnessOutcome.MATCHES, A)


def test_other_bytes_differ_with_causes_if_the_wheel_is_available() -> None:
    """Each cause once."""
    assert row(CLAIM, rebuilt(B), diagnosis=DEEP) == WitnessRow(
        NAME, A, WitnessOutcome.DIFFERS, B, ("archive-modes",), "archive"
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

    assert row(claim, rebuilt(B)) == WitnessRow(NAME, B, WitnessOutcome.MATCHES, B)
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


def test_a_name_with_different_bytes_on_two_images_is_listed_twice() -> None:
    """Neither is passed over."""
    assert checksums([rebuilt(B), rebuilt(A), rebuilt(B)]) == f"{A}  {NAME}\n{B}  {NAME}\n"


def test_checksums_are_as_sha256sum_writes_them() -> None:
    """Sorted by name, each file once; what was not rebuilt is not there."""
    other = replace(rebuilt(B, "another-1.0-py3-none-any.whl"), project="another")
    nothing = replace(other, builds=(failed("first", FIRST),))

    assert checksums([rebuilt(A), other, nothing]) == f"{B}  another-1.0-py3-none-any.whl\n{A}  {NAME}\n"


@pytest.mark.parametrize(
    "filename",
    ["requests-2.32.3-py3-none-any.whl", "pkg-1.1-py3-none-any.whl", "pkg-1.0-py3-none-any.whl\n" + B + "  x.whl"],
)
def test_no_release_writes_a_line_for_another(filename: str) -> None:
    """Whatever the record of an earlier version of this program has as the name of its wheel."""
    assert checksums([rebuilt(B, filename), rebuilt(A)]) == f"{A}  {NAME}\n"


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

"""What show, explain and run print of verified wheels, hostile ones included."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.cli import output
from orchestrator.model import Outcome
from orchestrator.results.store import Results
from tests.sample_results import SCRIPT, sample
from tests.sample_verifications import hostile_verification, verified
from tests.unit.cli.commands import assert_harmless, run

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def farm(tmp_path: Path) -> Path:
    """Make a folder with a configuration, a release with a verdict, and published wheels with outcomes."""
    (tmp_path / "config.yaml").write_text("")
    store = Results(tmp_path / "results", wheels=1, logs=1)
    store.write(sample())
    for one in (
        verified(outcome=Outcome.DIFFERS),
        verified("six", "1.17.0", Outcome.RESTAMPED),
        verified("idna", "3.7"),
        hostile_verification("rude"),
    ):
        store.write_verification(one)
    return tmp_path


def words(text: str) -> str:
    """Return a text with its white space made even."""
    return " ".join(text.split())


def test_explain_reports_the_published_wheel_of_the_version(farm: Path) -> None:
    """After the verdict: outcome, clues, settings, attempts; other versions in a line each."""
    out = words(run("explain", "six", folder=farm).out)
    for expected in (
        "six 1.16.0 on bookworm: reproducible",
        "six 1.16.0, six-1.16.0-py3-none-any.whl on bookworm: differs",
        "1 file differs (six.py) and 1 file is in the published wheel only (left_over.py).",
        "clue revealed used umask 0022 yes timezone UTC+2 no",
        "Rebuilt with",
        "umask: 0022",
        "build requirements: setuptools==80.9.0",
        "line 3 index theirs = 1",
        "left different rebuild-1 differs",
        "Other versions: project version wheel outcome taken builds because six 1.17.0",
    ):
        assert expected in out
    assert out.index("reproducible") < out.index("differs")


def test_a_wheel_is_explained_without_a_verdict(farm: Path) -> None:
    """As verify leaves it, and shown; but a report or a recipe needs a result."""
    for command in ("explain", "show"):
        out = run(command, "idna", folder=farm).out
        assert out.startswith("idna 3.7, idna-3.7-py3-none-any.whl on bookworm: identical\n  The wheel on the index is")
    for options in (("--report",), ("--recipe", "sh")):
        assert run("explain", "idna", *options, folder=farm).status == 2
    assert run("explain", "idna==3.6", folder=farm).status == 2
    assert run("explain", "idna", "--image", "trixie", folder=farm).status == 2


def test_show_lists_published_wheels_after_the_verdicts(farm: Path) -> None:
    """What differs first."""
    out = run("show", "six", folder=farm).out
    assert out.index("reproducible") < out.index(": differs") < out.index(": restamped")


def test_explain_prints_verifications_as_data(farm: Path) -> None:
    """With the fields of verify --json, the recipes and the differences; of the explained version only."""
    found = json.loads(run("explain", "six", "--json", folder=farm).out)
    assert found["verdict"] == "reproducible"
    (one,) = found["verifications"]
    assert (one["version"], one["outcome"], one["image"]) == ("1.16.0", "differs", "bookworm")
    assert one["clues"] == [
        {"name": "umask", "value": "0022", "used": True},
        {"name": "timezone", "value": "UTC+2", "used": False},
    ]
    assert one["differences"][0]["path"] == "six.py"
    alone = json.loads(run("explain", "idna", "--json", folder=farm).out)
    assert (alone["project"], alone["version"], len(alone["verifications"])) == ("idna", "3.7", 1)
    assert alone["verifications"][0]["recipes"][0]["text"] == SCRIPT.text


def test_the_recipe_of_the_published_wheel_is_printed(farm: Path) -> None:
    """Byte for byte; the option is for recipes only."""
    assert run("explain", "idna", "--published", "--recipe", "sh", folder=farm).out == SCRIPT.text
    ended = run("explain", "six", "--published", "--recipe", "sh", folder=farm)
    assert (ended.status, ended.out) == (2, "")
    assert "there is none of the form sh" in words(ended.err)
    assert run("explain", "idna", "--published", folder=farm).status == 2


@pytest.mark.parametrize("command", [("show",), ("explain",), ("explain", "--all"), ("explain", "--json")])
def test_a_hostile_wheel_reaches_no_terminal(farm: Path, command: tuple[str, ...]) -> None:
    """Whatever its texts are, though all of them are printed."""
    ended = run(*command, "rude", folder=farm)
    assert ended.status == 0, ended.err
    assert_harmless(ended.out + ended.err)
    assert "gnp.exe" in ended.out


def test_a_table_of_results_has_the_outcomes_of_their_wheels(capsys: pytest.CaptureFixture[str]) -> None:
    """In a column that is there only if some result's version has one; each outcome once, what differs first."""
    wheels = [
        verified(),
        replace(verified(outcome=Outcome.DIFFERS), wheel="six-1.16.0-cp311-none-any.whl"),
        verified("six", "2.0", Outcome.METADATA),
    ]
    output.results(
        [sample("idna"), sample()], verifications=lambda project: [one for one in wheels if one.project == project]
    )
    heading, idna, six = (words(line) for line in capsys.readouterr().out.splitlines())
    assert heading == "project version image verdict published because when"
    assert idna.startswith("idna 1.16.0 bookworm reproducible 20")
    assert six.startswith("six 1.16.0 bookworm reproducible differs, identical 20")
    output.results([sample("idna")], verifications=lambda _: wheels[2:])
    assert "published" not in capsys.readouterr().out


def test_wheels_for_elsewhere_are_a_row_for_each_need(capsys: pytest.CaptureFixture[str]) -> None:
    """Wheels that the index does not have are never counted together; without a name, their hash is shown."""
    none = verified(outcome=Outcome.NO_COUNTERPART)
    windows = [replace(none, wheel=f"six-{number}.whl", reason="needs Windows") for number in range(3)]
    machines = [replace(none, reason=f"needs another machine: {name}") for name in ("i686", "s390x")]
    absent = [replace(none, wheel="", sha256=digit * 64, reason="the index has none") for digit in "ab"]
    output.wheels([verified("idna"), *windows, replace(none, wheel="a.whl", reason="needs macOS"), *machines, *absent])

    rows = [words(line) for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows[0].startswith("idna 1.16.0 idna-1.16.0-py3-none-any.whl identical")
    assert rows[1:] == [
        "six 1.16.0 3 wheels no-counterpart 0 needs Windows",
        "six 1.16.0 a.whl no-counterpart 0 needs macOS",
        "six 1.16.0 2 wheels no-counterpart 0 needs another machine",
        "six 1.16.0 aaaaaaaaaaaa no-counterpart 0 the index has none",
        "six 1.16.0 bbbbbbbbbbbb no-counterpart 0 the index has none",
    ]


def test_a_hash_that_the_index_does_not_have_hides_no_outcome(farm: Path) -> None:
    """Though its file name is that of a wheel which was verified before."""
    store = Results(farm / "results", wheels=1, logs=1)
    real = verified("colorama", "0.4.6")
    wrong = replace(verified("colorama", "0.4.6", Outcome.NO_COUNTERPART, days=1), wheel=real.wheel, sha256="0" * 64)
    store.write_verification(real)
    store.write_verification(wrong)

    found = {(one.sha256, one.outcome) for one in store.verifications("colorama")}

    assert found == {(real.sha256, Outcome.IDENTICAL), ("0" * 64, Outcome.NO_COUNTERPART)}


def test_a_file_that_lists_nothing_verifies_nothing(tmp_path: Path) -> None:
    """A pipeline must not pass because what the configuration tracks was verified in its place."""
    (tmp_path / "config.yaml").write_text("groups: {example: {packages: [six==1.16.0]}}\n")
    (tmp_path / "requirements.txt").write_text("# nothing\n")

    ended = run("verify", "-r", str(tmp_path / "requirements.txt"), folder=tmp_path)

    assert (ended.status, ended.out) == (2, "")
    assert "the files list no release" in words(ended.err)

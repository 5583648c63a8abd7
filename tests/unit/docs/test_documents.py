"""README and docs/: short enough, with links that lead somewhere and commands that run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from click import Choice, Command, Group, NoSuchOption
from click import UsageError as ClickUsageError
from click.exceptions import Exit

from orchestrator.analysis import diagnose
from orchestrator.analysis.excerpts import LONGEST, SHOWN
from orchestrator.analysis.parts import TAKEN_APART
from orchestrator.build.variations import names
from orchestrator.cli import COMMANDS, cli
from orchestrator.cli.verify import verify
from orchestrator.errors import UnverifiedError
from orchestrator.farm.method_2020 import Compared
from orchestrator.model import (
    CauseFinding,
    Closeness,
    ClueFinding,
    Difference,
    Evidence,
    Line,
    Outcome,
    RebuildAttempt,
    Recreation,
    Unexplained,
)
from orchestrator.model.statement import PAYLOAD_TYPE
from orchestrator.publish.verification import row
from orchestrator.util import signing
from tests import samples
from tests.sample_verifications import verified

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
USAGE = (ROOT / "docs/usage.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SIX = "six-1.16.0-py2.py3-none-any.whl"


def name(file: Path) -> str:
    """Name a document by its path."""
    return str(file.relative_to(ROOT))


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def shown_command(word: str) -> str:
    """Return the command line of README.md that has the word."""
    (line,) = (line for line in re.findall(r"^\$ (.*)$", README, re.MULTILINE) if word in line)
    return str(line)


def test_the_readme_is_short() -> None:
    """Details have pages in docs/."""
    assert 400 <= len(README.split()) <= 600


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_link_leads_somewhere(document: Path) -> None:
    """To a file of the repository, and to a heading of it."""
    text = document.read_text(encoding="utf-8")
    for path, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", text):
        target = document.parent / path if path else document
        assert target.exists(), path
        generated = name(target) == "docs/reasons.md"  # its anchors are ids
        assert not anchor or generated or anchor in anchors(target.read_text(encoding="utf-8")), (path, anchor)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_path_of_the_code_exists(document: Path) -> None:
    """Modules and tests may be named from the root or from orchestrator/."""
    text = document.read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.(?:py|json|c|toml))?)`", text)
    places = (ROOT, ROOT / "orchestrator", ROOT / "tests", ROOT / "results", ROOT / "docs")
    made_by_a_run = {
        *("dist/", "evidence/", "evidence/tools/", "rebuild/", "simple/", "tools/"),  # of a wheelhouse
        "results/records/",
        "results/exclusions/",
        "results/since/",
        "results/verifications/",
        "results/wheels/",
        "results/logs/",
        "results/site_data.json",
        "data/index.json",  # of the site, as the two below
        "data/reproducible.json",
        "nights/",
        "results/runs/",
        "results/changes.json",
        "results/last_run.json",
        "results/statements/",
    }
    assert [
        path for path in named if path not in made_by_a_run and not any((at / path).exists() for at in places)
    ] == []


def test_usage_lists_each_command() -> None:
    """And no other."""
    (table,) = re.findall(r"^## Commands$(.*?)^## ", USAGE, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^\| `([a-z0-9-]+)", table, re.MULTILINE)) == {command.name for command in COMMANDS}


def shown_arguments(text: str) -> list[list[str]]:
    """Return the arguments of each command `wheelproof` in a page, in blocks and in lines."""
    blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    lines = re.findall(r"^\s*(?:\$ )?(?:\S*/)?wheelproof (.*)$", blocks, re.MULTILINE)
    inline = re.findall(r"`(?:\S*/)?wheelproof ([^`]+)`", text)
    return [shlex.split(line.partition("|")[0], comments=True) for line in (*lines, *inline)]


def refused(words: list[str]) -> str:
    """Return why a command line is none, or "" if its commands and options exist; nothing is run."""
    command: Command = cli
    try:
        while isinstance(command, Group):
            context = command.make_context("wheelproof", list(words))
            _, found, words = command.resolve_command(context, [*context._protected_args, *context.args])  # noqa: SLF001
            assert found is not None
            command = found
        command.make_context(command.name, list(words))
    except Exit:  # --help and --version end it
        return ""
    except NoSuchOption as error:
        return str(error)
    except ClickUsageError as error:
        return str(error) if re.match("No such command|Got unexpected", str(error)) else ""
    return ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_command_that_is_shown_exists(document: Path) -> None:
    """With each of its options."""
    shown = shown_arguments(document.read_text(encoding="utf-8"))
    assert {" ".join(words): why for words in shown if (why := refused(words))} == {}


@pytest.mark.parametrize(
    "line", ["wheelhuose six", "run --agian six", "show six idna x", "images --as-off 2025-06-01 x"]
)
def test_a_command_that_does_not_exist_is_seen(line: str) -> None:
    """The check can fail: a wrong command, wrong options, and too many arguments."""
    (words,) = shown_arguments(f"```\nwheelproof {line}  # a comment\n```\n")
    assert refused(words)


def test_usage_has_each_field_of_a_row_of_the_method_of_2020() -> None:
    """In their order."""
    (table,) = re.findall(r"A row of `method-2020 --json`:\n\n(.*?)\n\n", USAGE, re.DOTALL)
    columns = " ".join(re.findall(r"^\| (`[^|]*`) \|", table, re.MULTILINE))
    assert re.findall(r"`(.*?)`", columns) == [field.name for field in fields(Compared)]


def test_usage_has_each_field_of_the_json() -> None:
    """Of all that compare, explain and verify print; in the table of each."""
    tables = dict(re.findall(r"^An entry of `([a-z]+)`.*?\n\n(.*?)\n\n", USAGE, re.MULTILINE | re.DOTALL))
    values = {
        "causes": CauseFinding,
        "evidence": Evidence,
        "unexplained": Unexplained,
        "differences": Difference,
        "clues": ClueFinding,
        "lines": Line,
        "attempts": RebuildAttempt,
        "closeness": Closeness,
        "recreation": Recreation,
    }
    names = {key: {field.name for field in fields(value)} for key, value in values.items()}
    names["verifications"] = set(row(verified()))
    assert tables.keys() == names.keys()
    for key, expected in names.items():
        columns = re.findall(r"^\| (`[^|]*`) \|", tables[key], re.MULTILINE)
        assert sorted(re.findall(r"`(.*?)`", " ".join(columns))) == sorted(expected), key


def test_usage_has_each_outcome_of_verify() -> None:
    """With the levels that --require takes, and the exit status."""
    (section,) = re.findall(r"^## Is the published wheel.*?$(.*?)^## ", USAGE, re.MULTILINE | re.DOTALL)
    (table,) = re.findall(r"^\| outcome \|.*?\n\n", section, re.MULTILINE | re.DOTALL)
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == list(Outcome)
    assert f"the exit status is {UnverifiedError.exit_status}" in section
    (require,) = (option for option in verify.params if option.name == "require")
    assert "`--require identical`, `restamped` (the default) or `metadata`" in section
    assert isinstance(require.type, Choice)
    assert (list(require.type.choices), require.default) == (["identical", "restamped", "metadata"], "restamped")


def test_usage_has_the_limits_of_a_comparison() -> None:
    """The numbers are those of the code."""
    limits = (diagnose.EVIDENCE, diagnose.PLACES, diagnose.PLACES_OF_CODE, LONGEST, SHOWN, diagnose.ROOM, TAKEN_APART)
    (table,) = re.findall(r"^\| what \| limit \|\n(.*?)\n\n", USAGE, re.MULTILINE | re.DOTALL)
    assert [number for number in map(amount, re.findall(r"\d[\d,]*", table)) if number in limits] == [
        diagnose.EVIDENCE,
        diagnose.EVIDENCE,
        *limits[1:],
    ]


def amount(text: str) -> int:
    """Return a number that is written with commas."""
    return int(text.replace(",", ""))


def test_the_compare_command_runs_as_it_is_shown(tmp_path: Path) -> None:
    """Its exit statuses are the ones that README.md lists."""
    program, *arguments = shlex.split(shown_command("compare"))
    assert program == ".venv/bin/wheelproof"

    def status() -> int:
        command = [sys.executable, "-m", "orchestrator", *arguments]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, cwd=tmp_path, env=environment, check=False, capture_output=True).returncode

    assert status() == 2
    for folder, text in (("first", b"a = 1\n"), ("second", b"a = 2\n")):
        (tmp_path / folder).mkdir()
        samples.wheel(tmp_path / folder / SIX, {"six.py": text, **dist_info()})
    assert status() == 1
    (tmp_path / "second" / SIX).write_bytes((tmp_path / "first" / SIX).read_bytes())
    assert status() == 0


def dist_info() -> dict[str, bytes]:
    """Return what every wheel has beside its modules."""
    folder = "six-1.16.0.dist-info"
    return {
        f"{folder}/METADATA": b"Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n",
        f"{folder}/WHEEL": b"Wheel-Version: 1.0\nGenerator: none\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{folder}/RECORD": b"",
    }


def test_the_readme_counts_the_variations() -> None:
    """The number in its first sentence is that of what each run varies."""
    assert re.findall(r"in \[(\d+) ways\]", README) == [str(len(names(spread=False)))]


def test_openssl_verifies_an_envelope_as_it_is_shown(tmp_path: Path) -> None:
    """By the commands of docs/evidence.md, as they are; and not one that was changed."""
    text = (ROOT / "docs/evidence.md").read_text(encoding="utf-8")
    (script,) = (
        block for block in re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if "openssl" in block
    )
    secret, public = signing.new_key()
    envelope = signing.Envelope(b"{}", PAYLOAD_TYPE)
    signed = signing.written(signing.signed(envelope, signing.private_key(secret)))
    (tmp_path / "farm.key.pub").write_bytes(public)

    def status(envelope: bytes) -> int:
        (tmp_path / "verdict.intoto.jsonl").write_bytes(envelope)
        return subprocess.run(["/bin/sh", "-ec", script], cwd=tmp_path, check=False, capture_output=True).returncode

    assert status(signed) == 0
    assert (tmp_path / "payload.json").read_bytes() == b"{}"
    assert status(signed.replace(b"e30=", b"W10=")) != 0

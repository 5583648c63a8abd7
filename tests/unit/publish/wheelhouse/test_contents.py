"""What is in the files of a wheelhouse: names and texts of packages stay names and texts."""

from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin

import jsonschema
import pytest
from debian.deb822 import Deb822
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as Official
from pypi_simple import ProjectPage

from orchestrator.analysis.wheel import requires_python
from orchestrator.errors import EvidenceError, FaultError
from orchestrator.farm.former import found
from orchestrator.model import (
    Caution,
    LeftOut,
    Limits,
    MemberKind,
    MemberWheel,
    Mode,
    Variant,
    WheelFile,
    Wheelhouse,
)
from orchestrator.model.names import WheelName
from orchestrator.model.statement import MEMBER, PROVENANCE
from orchestrator.publish.statements import claims, of_member, reading
from orchestrator.publish.statements.canonical import canonical
from orchestrator.publish.wheelhouse import evidence, files_of, index, lists, readme
from orchestrator.publish.wheelhouse.listed import Listed
from orchestrator.results.store import Results
from orchestrator.sources import reading as limited
from tests.sample_results import HOSTILE, sample
from tests.sample_wheelhouses import build_wheel, member, wheelhouse
from tests.samples import wheel

A, B = "a" * 64, "b" * 64
PACKAGES = {"gcc:amd64": "4:14.2.0-1"}


def one(filename: str, sha256: str = A, python: str = "") -> Listed:
    """Return a wheel of a list."""
    return Listed(WheelName(filename), sha256, 100, python)


def of_house(members: list[MemberWheel], left_out: tuple[LeftOut, ...] = ()) -> dict[str, bytes]:
    """Return the files of a wheelhouse of these wheels."""
    return files_of(wheelhouse(members, left_out), {}, {}, lambda _manifest: PACKAGES)


def demo(project: str = "pkg", version: str = "1.0", kind: MemberKind = MemberKind.WHEEL) -> MemberWheel:
    """Return a wheel of that release."""
    name = f"{project.replace('-', '_')}-{version}-py3-none-any.whl"
    return member(WheelFile(name, A, 100), project, version, kind)


class Links(html.parser.HTMLParser):
    """Collects the attributes of links."""

    def __init__(self, page: str) -> None:
        """Read a page."""
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link."""
        assert tag in {"html", "head", "meta", "title", "body", "h1", "a", "br"}
        if tag == "a":
            self.found.append(dict(attrs))


NAMES = st.builds(
    "{}-{}-py3-none-any.whl".format,
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9]{0,5}(?:_[a-zA-Z0-9]{1,5})?", fullmatch=True),
    st.from_regex(r"(?:[1-9]!)?[0-9]{1,3}\.[0-9]{1,3}(?:\+[a-z0-9]{1,5})?", fullmatch=True),
)
SPECIFIERS = st.sampled_from(["", ">=3.7", "<4,!=3.8.*,>=3", "~=3.7", "===3.\"><b>'&"])


@given(NAMES, SPECIFIERS)
def test_both_forms_of_the_index_lead_to_the_wheel(filename: str, python: str) -> None:
    """Links are relative to the page, and no character of a name or a specifier is markup."""
    wheel_ = one(filename, python=python)
    pages = dict(index.pages([wheel_]))
    page = f"https://example/a/simple/{wheel_.project}/"
    (link,) = Links(pages[f"simple/{wheel_.project}/index.html"]).found
    read = ProjectPage.from_json_data(json.loads(pages[f"simple/{wheel_.project}/index.json"]), page)
    address, fragment = urldefrag(urljoin(page, str(link["href"])))
    assert unquote(address) == f"https://example/a/{filename}"
    assert (fragment, link.get("data-requires-python", "")) == (f"sha256={A}", python)
    (package,) = read.packages
    assert (package.url, package.digests, package.requires_python or "") == (address, {"sha256": A}, python)


@given(st.lists(NAMES, unique=True, max_size=8))
def test_lists_are_sorted_and_have_one_version_of_each_project(filenames: list[str]) -> None:
    """Of others, a comment."""
    wheels = [one(name) for name in filenames]
    sums, text = lists.checksums(wheels), lists.requirements(wheels)
    assert [line[66:] for line in sums.splitlines()] == sorted(filenames)
    pinned = re.findall(r"^([a-z0-9-]+)==\S+ \\\n    --hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert pinned == sorted({wheel_.project for wheel_ in wheels})
    assert len(set(pinned)) + text.count("# The wheel") >= len({(one_.project, one_.version) for one_ in wheels})


def test_of_two_versions_the_newest_final_one_is_pinned() -> None:
    """A wheel with other tags of that version has a hash beside it."""
    wheels = [
        *(one(f"pkg-{version}-py3-none-any.whl") for version in ("1.9", "2.0rc1")),
        *(one(f"pkg-1.10-{tags}.whl", sha256) for tags, sha256 in (("py2-none-any", B), ("py3-none-any", A))),
    ]
    assert lists.requirements(wheels).splitlines()[2:] == [
        "pkg==1.10 \\",
        f"    --hash=sha256:{A} \\",
        f"    --hash=sha256:{B}",
    ]


@pytest.mark.parametrize(
    ("tags", "python"),
    [
        ((), ""),
        (("py3-none-any", "py3-none-linux_x86_64", "cp311-none-any"), ""),
        (("py3-none-any", "cp311-cp311-linux_x86_64"), "==3.11.*"),
        (("cp39-abi3-linux_x86_64", "cp310-abi3-linux_x86_64", "py3-none-any"), ">=3.10"),
        (("cp39-abi3-linux_x86_64", "cp311-cp311-linux_x86_64"), "==3.11.*"),
        (("cp311.cp312-cp311.cp312-linux_x86_64", "cp312-cp312-linux_x86_64"), "==3.12.*"),
        (("cp311-cp311-linux_x86_64", "cp312-cp312-linux_x86_64"), ""),
        (("cp3-abi3-linux_x86_64",), ""),
    ],
)
def test_compiled_wheels_limit_python(tags: tuple[str, ...], python: str) -> None:
    """The lock file has the versions that can install all."""
    wheels = [one(f"pkg{number}-1.0-{of}.whl") for number, of in enumerate(tags)]
    assert lists.python_of(wheels) == python


# --- the page --------------------------------------------------------------------------------


@given(st.text(max_size=600))
def test_no_text_of_a_package_is_markup(words: str) -> None:
    """In a cell, a paragraph or a list, whatever it contains."""
    shown = readme.escaped(words)
    assert not re.search(r"(?<!\\)[|`*_\[\]#!~<>$]", shown.replace("\\\\", ""))
    assert shown.isprintable()
    assert "<" not in shown
    assert ">" not in shown


def test_the_page_lists_what_is_left_out() -> None:
    """With the reason and the nearest recipe, in one row."""
    out = LeftOut(
        "gone==1.0", "gone", "1.0", "bookworm", "", f"it |broke\n{HOSTILE}", ("fix-umask", "fix-path"), "both"
    )
    text = of_house([demo()], (out,))["README.md"].decode()
    (row,) = [line for line in text.splitlines() if line.startswith("| gone")]
    assert "it \\|broke &lt;script&gt;" in row
    assert row.startswith("| gone==1.0 |")
    assert row.endswith("| fix-umask, fix-path: both |")
    assert "1 wheel." in text
    assert "1 release is left out." in text


def test_the_page_names_what_is_not_decided() -> None:
    """A set in which the farm failed for a release is not called complete."""
    house = replace(wheelhouse([demo()]), open=("open-one==1.0",))
    text = files_of(house, {}, {}, lambda _manifest: PACKAGES)["README.md"].decode()
    assert "1 requirement is not decided." in text
    assert "- open-one==1.0" in text


def test_the_page_has_what_two_builds_cannot_show() -> None:
    """A wheel for the processor of one host, and a variation that was removed."""
    member_ = demo()
    record = replace(
        sample(),
        job=member_.job,
        cautions=(Caution("depends-on-cpu", ("first",), f"gcc -march=native {HOSTILE}"),),
        variations=(Variant("kernel", Mode.REMOVED, acted=False), Variant("umask", Mode.VARIED, acted=True)),
    )
    text = files_of(wheelhouse([member_]), {record.job: record}, {}, lambda _: PACKAGES)["README.md"].decode()
    assert "for the processor of the build host. gcc -march=native &lt;script&gt;" in text
    assert "of which nothing is shown: kernel." in text
    assert "Cautions" not in of_house([member_])["README.md"].decode()


def test_an_empty_wheelhouse_has_all_files() -> None:
    """Nothing was proven, and nothing is claimed."""
    files = of_house([])
    assert files["SHA256SUMS"] == files["requirements.txt"] == b""
    assert b"packages = []" in files["pylock.toml"]
    assert not [name for name in files if name.startswith("evidence/")]


def test_a_release_may_be_a_tool_too() -> None:
    """Its wheels, data and evidence are apart."""
    files = of_house([demo(kind=MemberKind.TOOL), demo()])
    assert files["SHA256SUMS"] == files["tools/SHA256SUMS"]
    assert {"rebuild/pkg-1.0.txt", "rebuild/tool_000-pkg-1.0.txt"} <= files.keys()
    assert "Build tools" in files["README.md"].decode()


def test_two_wheels_of_one_name_are_a_fault() -> None:
    """Neither hides the other."""
    other = demo()
    other = member(replace(other.wheel, sha256=B), "pkg", "1.0")
    with pytest.raises(FaultError, match="have the name"):
        of_house([demo(), other])


def test_no_file_has_a_name_that_is_too_long() -> None:
    """File systems take 255 bytes."""
    files = of_house([demo("p" * 230)])
    assert max(len(part) for name in files for part in name.split("/")) <= 255
    assert len([name for name in files if name.startswith("evidence/")]) == 4


@pytest.mark.parametrize(
    "filename", ["../pkg-1.0-py3-none-any.whl", "pkg-1.1-py3-none-any.whl", "other-1.0-py3-none-any.whl"]
)
def test_no_wheel_of_another_name_is_handed_out(filename: str) -> None:
    """Whatever the record has."""
    with pytest.raises(FaultError, match="report this"):
        of_house([member(WheelFile(filename, A, 100), "pkg", "1.0")])


# --- evidence --------------------------------------------------------------------------------


def statements(house: Wheelhouse) -> list[dict[str, object]]:
    """Return the statements about the first wheel."""
    return [json.loads(each.payload) for each in of_member(house, house.wheels[0], sample("pkg", "1.0"), PACKAGES)]


def test_statements_and_buildinfo_have_what_was_built() -> None:
    """Official libraries read them, and the schema is published as it is."""
    house = wheelhouse([demo()])
    claim, first, second = statements(house)
    for statement in of_member(house, house.wheels[0], None, None):
        Official.copy_from_pb(json_format.Parse(statement.payload, statement_pb2.Statement())).validate()
    for each in (first, second):
        json_format.ParseDict(each["predicate"], provenance_pb2.Provenance())
    assert [each["predicateType"] for each in (claim, first, second)] == [MEMBER, PROVENANCE, PROVENANCE]
    schema = json.loads((Path(__file__).parents[4] / "docs/member-v1.schema.json").read_text())
    assert schema == json.loads(json.dumps(claims.schema(MEMBER)))
    jsonschema.validate(claim["predicate"], schema)
    predicate = claim["predicate"]
    assert isinstance(predicate, dict)
    assert {"umask", "timezone", "build_path"} <= set(predicate["differing"])
    assert predicate["remedies"] == ["fix-umask"]
    read = Deb822(of_house([demo()])["evidence/pkg-1.0-py3-none-any.whl.buildinfo"])
    assert (read["Binary"], read["Wheelhouse"], read["Source"]) == (demo().wheel.filename, house.id, "pkg")
    assert read["Remedies"].strip() == "fix-umask"


OTHERS_PIN = {"name": "a", "version": "1", "sha256": B, "filename": "b-1-py3-none-any.whl", "url": ""}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": "1.1"}, "is a"),
        ({"builds": 1}, "two builds"),
        ({"builds": 2}, "two builds"),
        ({"script": "x"}, "SHA-256"),
        ({"differing": []}, "do not differ"),
        ({"differing": ["salt"]}, "do not differ"),
        ({"recipe": ""}, "one recipe"),
        ({"recipe": B}, "one recipe"),
        ({"wheel": B}, "two builds"),
        ({"build_requirements": [OTHERS_PIN]}, "is a"),
    ],
)
def test_a_claim_that_contradicts_itself_is_refused(change: dict[str, object], why: str) -> None:
    """One build is no proof, nor are two of one environment."""
    house = wheelhouse([demo()])
    value, *_ = statements(house)
    predicate = value["predicate"]
    assert isinstance(predicate, dict)
    ((name, content),) = change.items()
    if name == "builds":
        first = predicate["builds"][0]
        predicate["builds"] = [first, first][: int(str(content))]
        predicate["differing"] = []
    elif name == "recipe":
        predicate["builds"][1]["environment"]["recipe"] = content
    elif name == "wheel":
        predicate["builds"][1]["wheel"]["sha256"] = content
    else:
        predicate[name] = content
    payload = canonical(value)
    with pytest.raises(EvidenceError, match=why):
        reading.read(payload)


def test_replay_refuses_what_rebuild_sh_repeats(tmp_path: Path) -> None:
    """Its builds are those of a script, and not of the farm's own way."""
    files = of_house([demo()])
    paths = [tmp_path / f"{name}.statement.json" for name in ("member", "first.provenance")]
    for path in paths:
        path.write_bytes(files[f"{evidence.FOLDER}/{demo().wheel.filename}.{path.name}"])
    for one_ in found(paths, Results(tmp_path, wheels=0, logs=0), Limits(), everything=False):
        assert one_.build is None
        assert "rebuild.sh builds again" in one_.why


# --- what a wheel's METADATA has -------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("Requires-Python: >=3.7, <4\n", ">=3.7, <4"),
        ("", ""),
        ("Requires-Python: nonsense\n", ""),
        ("Requires-Python: >=3\u202e\n", ""),
        (f"Requires-Python: {','.join(['>=3'] * 100)}\n", ""),
    ],
)
def test_only_a_valid_requires_python_is_handed_out(field: str, expected: str, tmp_path: Path) -> None:
    """Read in a process with limits."""
    assert limited.wheel_requires_python(build_wheel(tmp_path, "pkg", "1.0", "py3-none-any", field)) == expected


def test_a_broken_wheel_has_no_requires_python(tmp_path: Path) -> None:
    """Its hash is what counts."""
    (tmp_path / "broken.whl").write_bytes(b"PK\3\4")
    assert requires_python(tmp_path / "broken.whl") == ""
    assert requires_python(wheel(tmp_path / "empty.whl", {})) == ""

"""What farms signed is read from their folders; what nobody signed, or another, is not counted."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.errors import EvidenceError, UsageError
from orchestrator.farm import former
from orchestrator.job.replaying import FormerBuild, checked, of_result
from orchestrator.model import Limits, Result, Verification
from orchestrator.model.statement import PROVENANCE
from orchestrator.publish.claimed import opened, packages_of
from orchestrator.publish.evidence import signed_with, unsigned, write
from orchestrator.publish.farms import Collected, Farms, collect, farms
from orchestrator.publish.provenance_builds import of_provenance
from orchestrator.publish.statements import files
from orchestrator.results.agreement import agree, unlike
from orchestrator.results.store import Results, read
from orchestrator.util import signing

if TYPE_CHECKING:
    from orchestrator.publish.statements.reading import ReadStatement

NOW = datetime(2026, 11, 28, tzinfo=UTC)
RECORDS = Path(__file__).parents[2] / "records/5"
PACKAGES = {"libc6:amd64": "2.36-9+deb12u14", "libstdc++6:amd64": "12.2.0-14+deb12u1", "adduser:all": "3.134"}


def idna() -> Result:
    """Return a real record of a reproducible release."""
    found = read(next(RECORDS.glob("records/idna/*.json")))
    assert found is not None
    return found


class Farm:
    """A farm with a key, and a folder of statements."""

    def __init__(self, folder: Path) -> None:
        """Make the key."""
        secret, public = signing.new_key()
        self.key, self.folder, self.public = signing.private_key(secret), folder, folder / "key.pub"
        folder.mkdir()
        self.public.write_bytes(public)

    def attest(self, *records: Result | Verification, signed: bool = True, packages: object = PACKAGES) -> None:
        """Write the statements of records."""
        store = Results(self.folder / "results", wheels=0, logs=0)
        for record in records:
            assert record.image is not None
            (self.folder / "results/images").mkdir(parents=True, exist_ok=True)
            (self.folder / f"results/images/{record.image.manifest}.json").write_text(json.dumps(packages))
        form = signed_with(self.key) if signed else unsigned()
        list(write(records, store, self.folder / "statements", form, "urn:x"))


@pytest.fixture
def first(tmp_path: Path) -> Farm:
    """Give a farm."""
    return Farm(tmp_path / "a")


@pytest.fixture
def second(tmp_path: Path) -> Farm:
    """Give another farm."""
    return Farm(tmp_path / "b")


def known(*of: Farm) -> Farms:
    """Return farms by the names of their folders."""
    return farms((one.folder.name, one.public) for one in of)


def collected(*of: Farm, keys: Farms, published: bool = False) -> Collected:
    """Collect from the folders of farms."""
    return collect([one.folder for one in of], keys, NOW, published=published)


def test_each_farm_claims_what_its_key_signed(first: Farm, second: Farm) -> None:
    """Two farms with the same record agree."""
    first.attest(idna())
    second.attest(idna())
    keys = known(first, second)
    found = collected(first, second, keys=keys)
    (one,) = agree(found.claims, keys.names, 2)

    assert ([support.farms for support in one.agreed], found.ignored) == ([("a", "b")], ())


def test_what_no_given_key_signed_is_not_counted(first: Farm, second: Farm) -> None:
    """And that is stated; neither is what nobody signed, nor what was changed."""
    first.attest(idna())
    second.attest(idna())
    first.attest(idna(), signed=False)
    (changed,) = first.folder.glob("statements/*/*/verdict.intoto.jsonl")
    envelope = json.loads(changed.read_bytes())
    envelope["payload"] = envelope["payload"][:-8] + "AAAAAAA="
    changed.write_text(json.dumps(envelope))

    found = collected(first, second, keys=known(first))

    assert found.claims == ()
    assert len(found.ignored) >= 3
    assert any("not signed" in why for why in found.ignored)


def test_a_statement_of_the_future_supersedes_nothing(first: Farm) -> None:
    """A clock that was once wrong does not silence a farm for years; that of another machine may be a little ahead."""
    late, soon = NOW + timedelta(days=1), NOW + timedelta(minutes=5)
    first.attest(idna(), replace(idna(), started=late, finished=late), replace(idna(), started=soon, finished=soon))

    found = collected(first, keys=known(first))

    assert sorted(claim.started for claim in found.claims) == [idna().started, soon]
    assert "2026-11-29, which is yet to come" in found.ignored[0]


def test_two_names_with_one_key_are_one_farm(first: Farm, second: Farm) -> None:
    """Which counts once, wherever its statements are."""
    first.attest(idna())
    second.key = first.key
    second.attest(replace(idna(), started=idna().finished))
    second.public.write_bytes(first.public.read_bytes())
    keys = known(first, second)

    assert (len(keys.keys), list(keys.names.values())) == (1, ["a = b"])
    assert not agree(collected(first, second, keys=keys).claims, keys.names, 2)[0].is_agreed


def test_two_keys_with_one_name_are_refused(first: Farm, second: Farm) -> None:
    """A row could not be understood."""
    with pytest.raises(UsageError, match="two keys have the name x"):
        farms((("x", first.public), ("x", second.public)))


def test_verifications_count_where_they_are_asked_for(first: Farm, second: Farm) -> None:
    """Of the published wheel, and only there."""
    store = Results(RECORDS, wheels=0, logs=0)
    (verified,) = store.verifications("six")
    for farm in (first, second):
        farm.attest(verified, idna())
    keys = known(first, second)
    (one,) = agree(collected(first, second, keys=keys, published=True).claims, keys.names, 2)
    (other,) = agree(collected(first, second, keys=keys).claims, keys.names, 2)

    assert one.agreed[0].wheel == (verified.wheel, verified.sha256)
    assert other.project == "idna"


def test_packages_of_images_are_compared(first: Farm, second: Farm) -> None:
    """By what each farm's provenance lists."""
    first.attest(idna())
    second.attest(idna(), packages={**PACKAGES, "libc6:amd64": "2.36-9+deb12u15"})
    one, two = collected(first, second, keys=known(first, second)).claims

    assert unlike(one, two) == ("image package libc6:amd64: 2.36-9+deb12u14, 2.36-9+deb12u15",)


def test_statements_are_not_all_kept_in_memory(first: Farm) -> None:
    """A farm of years has very many: only what each claims remains, with one list of the packages of an image."""
    packages = {f"lib{number}:amd64": "1.2-3" for number in range(300)}

    def peak(records: int) -> int:
        first.attest(
            *(replace(idna(), started=NOW - timedelta(number)) for number in range(records)), packages=packages
        )
        tracemalloc.start()
        collected(first, keys=known(first))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(1)  # what is imported and made once
    few = peak(1)
    assert peak(6) < few + (1 << 20)


@pytest.mark.parametrize("signed", [False, True])
def test_a_replay_reads_statements_with_the_packages_beside_them(first: Farm, *, signed: bool) -> None:
    """Signed or not: the provenance lists the image that the verdict names."""
    first.attest(idna(), signed=signed)
    store = Results(first.folder / "none", wheels=0, logs=0)

    (found,) = former.found([first.folder / "statements"], store, Limits(), everything=False)

    assert found.build is not None
    assert (dict(found.build.image.packages), found.build.is_reproducible) == (PACKAGES, True)
    assert found.build.wheel == idna().builds[0].wheel
    (beside,) = first.folder.glob(f"statements/*/*/first.provenance{files.SIGNED if signed else files.UNSIGNED}")
    assert opened(beside).predicate_type == PROVENANCE
    assert packages_of(opened(beside)) == (idna().image.manifest, PACKAGES)


def test_a_provenance_alone_gives_the_same_build_as_its_record(first: Farm) -> None:
    """But for what only the verdict has: whether a second build gave it, too; of a varied build, there is none."""
    first.attest(idna(), signed=False)
    store = Results(first.folder / "none", wheels=0, logs=0)
    record = of_result("x", idna(), lambda _: PACKAGES, Limits())
    assert isinstance(record, FormerBuild)
    assert record.release.sdist is not None

    def read_from(build: str) -> former.Found:
        (path,) = first.folder.glob(f"statements/*/*/{build}.provenance{files.UNSIGNED}")
        return former.found([path], store, Limits(), everything=False)[0]

    one = read_from("first").build
    assert one is not None
    pins = tuple(replace(pin, url="") for pin in record.lock.pins)
    assert one == replace(
        record,
        source=one.source,
        is_reproducible=False,
        lock=replace(record.lock, pins=pins),
        release=replace(record.release, sdist=replace(record.release.sdist, url="", size=None)),
        wheel=replace(record.wheel, size=0),
    )
    assert "was varied" in read_from("second").why


@pytest.mark.parametrize("hostile", [None, "x", 1, [], {}, [1], {"a": 1}, [["a"]], "pkg:pypi/a@1?file_name=../a.whl"])
def test_a_hostile_provenance_is_a_reason(first: Farm, hostile: object) -> None:
    """Or a build that passes all checks; never an exception."""
    first.attest(idna(), signed=False)
    (path,) = first.folder.glob(f"statements/*/*/first.provenance{files.UNSIGNED}")
    statement = opened(path)
    definition = statement.predicate["buildDefinition"]
    for part, keys in (
        ("externalParameters", ("image", "limits", "frontend")),
        ("internalParameters", ("method", "environment")),
    ):
        for key in keys:
            changed = {**definition, part: {**definition[part], key: hostile}}
            _is_harmless(_build(statement, changed))
    for key in ("uri", "digest", "name", "annotations"):
        used = [{**one, key: hostile} for one in definition["resolvedDependencies"]]
        _is_harmless(_build(statement, {**definition, "resolvedDependencies": used}))
    assert isinstance(_build(statement, {**definition, "resolvedDependencies": [hostile]}), str)


def _is_harmless(found: FormerBuild | str) -> None:
    assert isinstance(found, str) or checked(found) == found


def _build(statement: ReadStatement, definition: dict[str, Any]) -> FormerBuild | str:
    changed = replace(statement, predicate={**statement.predicate, "buildDefinition": definition})
    return of_provenance("x", changed, Limits())


@pytest.mark.parametrize("data", [b"", b"[]", b'{"payloadType": 1}', b'{"dsseEnvelope": {}}', b"[" * 100_000, b"\xff"])
def test_a_file_that_is_no_statement_is_refused(tmp_path: Path, data: bytes) -> None:
    """With an error of its own."""
    path = tmp_path / f"a{files.KEYLESS}"
    path.write_bytes(data)

    with pytest.raises(EvidenceError):
        opened(path)

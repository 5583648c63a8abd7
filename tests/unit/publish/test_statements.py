"""Statements: official libraries read them, the same record gives the same bytes, and a contradiction is refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import rfc8785
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement as Official

from orchestrator.errors import EvidenceError
from orchestrator.model import BUILT_HERE, STRENGTH, Experiment, Outcome, Pin, Provided, Verdict, digest
from orchestrator.model.statement import PROVENANCE, VERDICT, VERIFICATION, Statement
from orchestrator.publish.statements import claims, reading, statements_of
from orchestrator.publish.statements.checking import check, compare
from orchestrator.publish.statements.purl import of_image, python
from orchestrator.results.store import Results
from orchestrator.util import escapes, signing
from tests.sample_results import HOSTILE, all_hostile, sample
from tests.sample_verifications import hostile_verification, verified

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.model import Result, Verification

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {"gcc:amd64": "4:14.2.0-1", "libstdc++6:amd64": "14.2.0-19", "python3-wheel:all": "0.38.4-2"}
HOSTILE_WHEEL = replace(
    hostile_verification(),
    wheel="six-1.16.0-py3-none-any.whl",
    sha256="a" * 64,
    sdist=verified().sdist,
    version="1.16.0",
    build_requirements=(),
    id=digest("id"),
)
RECORDS: dict[str, Result | Verification] = {
    **{verdict: sample(verdict=verdict) for verdict in Verdict if verdict not in {Verdict.NO_SDIST, Verdict.EXCLUDED}},
    **{outcome: verified(outcome=outcome) for outcome in (*STRENGTH, Outcome.UNBUILDABLE)},
    "hostile-verdict": all_hostile(sample(verdict=Verdict.SENSITIVE)),
    "hostile-verification": HOSTILE_WHEEL,
}
each_record = pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS.keys())
KEY = signing.private_key(signing.new_key()[0])


def value(statement: Statement) -> dict[str, Any]:
    """Return a statement as JSON has it."""
    found: dict[str, Any] = json.loads(statement.payload)
    return found


@each_record
def test_official_libraries_read_every_statement(record: Result | Verification) -> None:
    """The form of in-toto, and for builds that of SLSA; no field is unknown to them."""
    found = statements_of(record, PACKAGES)
    assert found
    for statement in found:
        parsed = json_format.Parse(statement.payload, statement_pb2.Statement())
        Official.copy_from_pb(parsed).validate()
        if statement.predicate_type == PROVENANCE:
            json_format.ParseDict(value(statement)["predicate"], provenance_pb2.Provenance())
        else:
            jsonschema.validate(value(statement)["predicate"], claims.schema(statement.predicate_type))


@each_record
def test_a_statement_is_read_back_and_is_as_its_record(record: Result | Verification) -> None:
    """Its claim has the values of the record, hostile texts included."""
    for statement in statements_of(record, PACKAGES):
        read = reading.read(statement.payload)
        assert (read.subject, read.predicate_type, read.about.build) == (
            statement.subject,
            statement.predicate_type,
            statement.build,
        )
        compare(read, record, PACKAGES)
        if read.claim is not None:
            assert read.claim.recipes == record.recipes
            assert read.claim.build_requirements == record.build_requirements


def test_no_text_of_a_package_is_hidden() -> None:
    """All texts are escaped as in records."""
    for record in RECORDS.values():
        for statement in statements_of(record, PACKAGES):
            text = statement.payload.decode()
            assert escapes.visible(text) == text
    assert HOSTILE not in statements_of(RECORDS["hostile-verdict"], PACKAGES)[0].payload.decode()


def test_equal_records_give_equal_bytes() -> None:
    """Canonical ones, whatever the order in which packages are listed."""
    other = dict(reversed(PACKAGES.items()))
    assert statements_of(sample(), PACKAGES) == statements_of(sample(), other)
    for statement in statements_of(sample(), PACKAGES):
        assert rfc8785.dumps(value(statement)) == statement.payload


def test_the_subject_is_the_wheel_or_the_sdist_of_a_failure() -> None:
    """What has no hash has no statement."""
    good, bad = sample(), sample(verdict=Verdict.FTBFS)
    assert good.builds[0].wheel
    assert bad.sdist
    assert statements_of(good, None)[0].subject.sha256 == good.builds[0].wheel.sha256
    assert statements_of(bad, None)[0].subject.name == bad.sdist.filename
    assert statements_of(sample(verdict=Verdict.NO_SDIST), None) == ()
    assert statements_of(verified(outcome=Outcome.NO_SDIST), None) == ()


def test_each_wheel_has_its_provenance() -> None:
    """With the sdist, each requirement, and each package of the image, in the forms of package URLs."""
    tool = Pin("flit-core", "3.9.0", "b" * 64, "flit_core-3.9.0-py3-none-any.whl", "https://files.example/flit")
    provided = Provided("wheel", "0.38.4", "python3-wheel", "0.38.4-2")
    result = replace(sample(pins=(tool,)), provided=(provided,))
    built = [one for one in statements_of(result, PACKAGES) if one.predicate_type == PROVENANCE]
    assert [one.build for one in built] == [build.name for build in result.builds if build.wheel]
    definition = value(built[1])["predicate"]["buildDefinition"]
    used = {one.get("uri", one["name"]): one for one in definition["resolvedDependencies"]}
    assert used["pkg:pypi/flit-core@3.9.0?file_name=flit_core-3.9.0-py3-none-any.whl"]["digest"] == {"sha256": "b" * 64}
    assert used["pkg:pypi/six@1.16.0?file_name=six-1.16.0.tar.gz"]["downloadLocation"] == "https://files.example/sdist"
    assert used["bookworm"]["digest"] == {"wheelproofManifest": result.image.manifest}
    assert {"pkg:deb/debian/gcc@4:14.2.0-1?arch=amd64", "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64"} <= set(
        used
    )
    internal = definition["internalParameters"]
    assert {"umask", "timezone", "build_path"} <= set(internal["differsFromFirst"])
    first = value(built[0])["predicate"]
    assert first["buildDefinition"]["internalParameters"]["differsFromFirst"] == []
    assert first["runDetails"]["metadata"]["startedOn"] == "2026-11-20T11:59:58Z"


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("https://files.example/a", "pkg:pypi/a-b@1.0%2Blocal?file_name=a_b-1.0.tar.gz"),
        ("", "pkg:pypi/a-b@1.0%2Blocal?file_name=a_b-1.0.tar.gz"),
        ("/home/me/a_b-1.0.tar.gz", "pkg:generic/a-b@1.0%2Blocal?file_name=a_b-1.0.tar.gz"),
        ("file:///home/me/a_b-1.0.tar.gz", "pkg:generic/a-b@1.0%2Blocal?file_name=a_b-1.0.tar.gz"),
        (BUILT_HERE, "pkg:pypi/a-b@1.0%2Blocal"),
    ],
    ids=range(5),
)
def test_a_file_that_no_index_has_is_not_named_as_one_of_it(url: str, uri: str) -> None:
    """An sdist of the user's own, or a tool that was built here."""
    assert python("a-b", "1.0+local", "a_b-1.0.tar.gz", url) == uri


def test_a_remedy_is_in_the_provenance_of_both_builds_that_had_it() -> None:
    """An experiment applies it to the build that it compares with, too."""
    base = sample(verdict=Verdict.SENSITIVE)
    names = ("fixed-first", "fixed-second")
    more = tuple(replace(build, name=name) for build, name in zip(base.builds, names, strict=False))
    experiment = Experiment(names[1], names[0], (), ("fix-umask",), equal=True)
    result = replace(base, builds=(*base.builds, *more), experiments=(experiment,))
    found = {one.build: value(one)["predicate"] for one in statements_of(result, None)}
    remedies = {name: found[name]["buildDefinition"]["internalParameters"]["remedies"] for name in ("first", *names)}
    assert remedies == {"first": [], "fixed-first": ["fix-umask"], "fixed-second": ["fix-umask"]}


def test_only_deciding_builds_of_a_verification_have_a_provenance() -> None:
    """The record does not have the hashes of the others' build requirements."""
    record = verified(outcome=Outcome.RESTAMPED)
    other = replace(record.builds[0], name="rebuild-0")
    found = statements_of(replace(record, builds=(other, *record.builds)), None)
    assert [one.build for one in found] == ["", "rebuild-1", "varied"]


def test_a_manylinux_image_has_rpm_packages() -> None:
    """Its list has the digest of its base, which is no package."""
    packages = {"gcc:x86_64": "14.2.1-7.el8", "manylinux:all": "sha256:1"}
    assert of_image(packages) == (("gcc", "pkg:rpm/gcc@14.2.1-7.el8?arch=x86_64"),)


@pytest.mark.parametrize("name", ["verdict", "verification"])
def test_the_schemas_are_published_as_they_are(name: str) -> None:
    """`make docs` writes them."""
    text = (ROOT / f"docs/{name}-v1.schema.json").read_text(encoding="utf-8")
    assert json.loads(text) == claims.schema({"verdict": VERDICT, "verification": VERIFICATION}[name])


def test_records_of_every_earlier_release_have_statements() -> None:
    """With the fields that they have."""
    stores = [Results(folder, wheels=1, logs=1) for folder in (ROOT / "tests/records").iterdir() if folder.is_dir()]
    records: list[Result | Verification] = []
    for store in stores:
        records += [*store.every(), *store.verifications()]
    found = [(statement, record) for record in records for statement in statements_of(record, None)]
    assert {getattr(record, "schema", 0) for _, record in found} >= {2, 3, 4, 5}
    for statement, record in found:
        compare(reading.read(statement.payload), record, None)


# --- what is refused -------------------------------------------------------------------------

GOOD, IDENTICAL = value(statements_of(sample(), None)[0]), value(statements_of(verified(), None)[0])
BUILT = value(statements_of(sample(), None)[1])


def changed(statement: dict[str, Any], place: str, new: object) -> bytes:
    """Return the canonical bytes of a statement with another value in that place."""
    copy = json.loads(json.dumps(statement))
    *path, last = place.split(".")
    inner = copy
    for key in path:
        inner = inner[int(key) if isinstance(inner, list) else key]
    inner[int(last) if isinstance(inner, list) else last] = new
    return rfc8785.dumps(copy)


@pytest.mark.parametrize(
    ("statement", "place", "new", "why"),
    [
        (GOOD, "_type", "https://in-toto.io/Statement/v0.1", "type is not"),
        (GOOD, "extra", 1, "fields of an in-toto statement"),
        (GOOD, "predicateType", "urn:other", "does not know"),
        (GOOD, "predicateType", ["urn:other"], "does not know"),
        (GOOD, "predicate", [], "not an object"),
        (GOOD, "subject", [], "not one file"),
        (GOOD, "subject.0.name", "../../etc/passwd", "no file name"),
        (GOOD, "subject.0.name", "other-1.0-py3-none-any.whl", "subject is not the file"),
        (GOOD, "subject.0.digest", {"sha256": "A" * 64}, "SHA-256 that is none"),
        (GOOD, "subject.0.digest", {"sha512": "a" * 128}, "not one file"),
        (GOOD, "subject.0.digest.sha256", "a" * 64, "subject is not the file"),
        (GOOD, "predicate.verdict", "splendid", "field verdict is wrong"),
        (GOOD, "predicate.project", "../six", "project"),
        (GOOD, "predicate.version", "1.16.0\n", "inputs are not those"),
        (GOOD, "predicate.job", "short", "SHA-256 that is none"),
        (GOOD, "predicate.started", "2026-11-20T12:00:00", "RFC 3339"),
        (GOOD, "predicate.started", "soon", "field started is wrong"),
        (GOOD, "predicate.started", 1795694400, "RFC 3339"),
        (GOOD, "predicate.finished", "1795694400", "RFC 3339"),
        (GOOD, "predicate.sdist.filename", "six-9.9.tar.gz", "sdist of six 9.9"),
        (GOOD, "predicate.sdist.filename", "other-1.16.0.tar.gz", "sdist of other"),
        (GOOD, "predicate.sdist.sha256", "a" * 64, "inputs are not those"),
        (GOOD, "predicate.inputs.manifest", "a" * 64, "inputs are not those"),
        (GOOD, "predicate.builds.1.wheel.sha256", "a" * 64, "did not give the same wheel twice"),
        (GOOD, "predicate.builds.1.wheel", None, "did not give the same wheel twice"),
        (GOOD, "predicate.builds", [], "subject is not the file"),
        (GOOD, "predicate.build_requirements.0.filename", "other-1.0-py3-none-any.whl", "other"),
        (GOOD, "predicate.build_requirements.0.sha256", "", "SHA-256 that is none"),
        (IDENTICAL, "predicate.sha256", "a" * 64, "subject is not the published wheel"),
        (IDENTICAL, "predicate.builds", [], "no build of it gave the published wheel"),
        (BUILT, "predicate.buildDefinition.buildType", "urn:other", "not the provenance"),
        (BUILT, "predicate.runDetails.metadata.invocationId", 1, "not the provenance"),
        (BUILT, "predicate.runDetails.metadata.startedOn", "soon", "RFC 3339"),
        (BUILT, "predicate.runDetails.metadata.startedOn", "1795694400", "RFC 3339"),
        (BUILT, "predicate.buildDefinition.externalParameters.project", "other", "wheel of the project"),
        (BUILT, "predicate.buildDefinition.externalParameters.project", "..", "reading a statement"),
    ],
)
def test_a_statement_that_contradicts_itself_is_refused(
    statement: dict[str, Any], place: str, new: object, why: str
) -> None:
    """Whoever signs it."""
    with pytest.raises(EvidenceError, match=why):
        reading.read(changed(statement, place, new))


@pytest.mark.parametrize("statement", [GOOD, IDENTICAL], ids=["verdict", "verification"])
def test_a_wheel_of_another_version_is_no_proof_of_a_release(statement: dict[str, Any]) -> None:
    """Although the statement has it wherever a wheel is named."""
    name = str(statement["subject"][0]["name"])
    project, _, rest = name.split("-", 2)

    with pytest.raises(EvidenceError, match=r"is a wheel of version 9\.9"):
        reading.read(rfc8785.dumps(statement).replace(name.encode(), f"{project}-9.9-{rest}".encode()))


PAYLOAD = rfc8785.dumps(GOOD)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"\xff",
        b" " + PAYLOAD,
        PAYLOAD[:-1],
        PAYLOAD + b"{}",
        PAYLOAD.replace(b'{"_type"', b'{"_type":"x","_type"', 1),
        PAYLOAD.replace(b'"verdict":"reproducible"', b'"verdict":"reproducible","verdict":"intrinsic"', 1),
        PAYLOAD.replace(b"six", b"\\u0073ix", 1),
        b"[" * 200_000,
        b'{"_type":' * 40 + b"1" + b"}" * 40,
        b'{"_type":1e999}',
        b'{"_type":NaN}',
        b'{"_type":' + b"9" * 5000 + b"}",
        b'{"_type":"\\ud800","subject":1,"predicateType":1,"predicate":1}',
        b'"' + b"a" * reading.LONGEST + b'"',
    ],
    ids=range(17),
)
def test_bytes_that_two_readers_may_understand_differently_are_refused(payload: bytes) -> None:
    """Without recursion, in bounded time."""
    with pytest.raises(EvidenceError):
        reading.read(payload)


def places(inner: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the place of each value in a JSON value, the innermost ones too."""
    items = inner.items() if isinstance(inner, dict) else enumerate(inner) if isinstance(inner, list) else ()
    for key, item in items:
        yield ".".join((*path, str(key)))
        yield from places(item, (*path, str(key)))


@pytest.mark.parametrize("statement", [GOOD, IDENTICAL, BUILT], ids=["verdict", "verification", "provenance"])
def test_whatever_value_is_anywhere_nothing_but_evidence_errors_follow(statement: dict[str, Any]) -> None:
    """A statement is read or refused; no value of another type gets through to what reads it."""
    refused = 0
    values: tuple[object, ...] = (None, -1, 1.5, "\n", [], {}, [[]], {"a": 1})
    for number, place in enumerate(places(statement)):
        new = values[number % len(values)]
        try:
            reading.read(changed(statement, place, new))
        except EvidenceError:
            refused += 1
    assert refused > 10


# --- envelopes with statements, and their records --------------------------------------------


def enveloped(payload: bytes, kind: str = "application/vnd.in-toto+json") -> bytes:
    """Return a payload in an envelope that KEY signed."""
    return signing.written(signing.signed(signing.Envelope(payload, kind), KEY))


def test_a_signed_statement_is_accepted_with_the_key_of_its_signer_only() -> None:
    """Without any key it is not: nobody would know that nothing was checked."""
    other = signing.private_key(signing.new_key()[0]).public
    data = enveloped(PAYLOAD)
    assert check(data, (other, KEY.public)).signers == (KEY.public.id,)
    for keys in ((), (other,)):
        with pytest.raises(EvidenceError):
            check(data, keys)
    assert check(PAYLOAD + b"\n", ()).signers == ()
    with pytest.raises(EvidenceError, match="not signed"):
        check(PAYLOAD, (KEY.public,))


def test_another_payload_under_a_signature_is_rejected() -> None:
    """Be it another verdict, another type, or no statement although it is signed."""
    envelope = json.loads(enveloped(PAYLOAD))
    forged = PAYLOAD.replace(b"six", b"sax")
    for change in ({"payload": base64.b64encode(forged).decode()}, {"payloadType": "text/plain"}):
        with pytest.raises(EvidenceError, match="changed afterwards"):
            check(json.dumps(envelope | change).encode(), (KEY.public,))
    for data in (enveloped(PAYLOAD, "text/plain"), enveloped(b"{}")):
        with pytest.raises(EvidenceError):
            check(data, (KEY.public,))


@pytest.mark.parametrize(
    "other",
    [
        {"wheelproof": "9"},
        {"requirement": "other"},
        {"causes": all_hostile(sample()).causes},
        {"flake_bound": 0.1},
        {"builds": sample(verdict=Verdict.INTRINSIC).builds[:2]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_statement_that_differs_from_its_record_is_rejected(other: dict[str, Any]) -> None:
    """And the field is named."""
    result = sample(verdict=Verdict.INTRINSIC)
    statement = reading.read(statements_of(replace(result, **other), None)[0].payload)
    compare(reading.read(statements_of(result, None)[0].payload), result, None)
    with pytest.raises(EvidenceError, match=f"its field {next(iter(other))} is not that of the record"):
        compare(statement, result, None)


def test_the_builders_id_is_no_part_of_the_record() -> None:
    """Whoever signs chooses it."""
    built = statements_of(sample(), PACKAGES, "https://example.org/farm")[1]
    compare(reading.read(built.payload), sample(), PACKAGES)
    with pytest.raises(EvidenceError, match="buildDefinition"):
        compare(reading.read(built.payload), sample(), {})


def test_packages_that_are_not_recorded_here_hide_no_other_difference() -> None:
    """A provenance lists them; all the rest of it is compared."""
    _, built, *_ = statements_of(sample(), PACKAGES)
    compare(reading.read(built.payload), sample(), None)
    other = changed(value(built), "predicate.buildDefinition.externalParameters.sourceDateEpoch", 1)
    added = [
        *value(built)["predicate"]["buildDefinition"]["resolvedDependencies"],
        {"name": "x", "uri": "pkg:pypi/x@1"},
    ]
    more = changed(value(built), "predicate.buildDefinition.resolvedDependencies", added)

    for payload in (other, more):
        with pytest.raises(EvidenceError, match="buildDefinition is not that of the record"):
            compare(reading.read(payload), sample(), None)


def test_an_earlier_statement_may_lack_a_field() -> None:
    """One that a later release of the program writes."""
    fields = dict(GOOD["predicate"])
    del fields["failure"]
    statement = reading.read(rfc8785.dumps({**GOOD, "predicate": fields}))
    compare(statement, sample(), None)

"""Small results for tests that need no build: each as a real one is, with what a test says otherwise."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from orchestrator.model import (
    METHOD,
    SCHEMA,
    Aspect,
    Build,
    Difference,
    Environment,
    Failure,
    Inputs,
    Limits,
    Lock,
    Mode,
    Phase,
    Pin,
    Probe,
    Reason,
    Result,
    Sdist,
    UsedImage,
    Variant,
    Verdict,
    WheelFile,
    digest,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""When sample results finish, unless a test says otherwise."""

HOSTILE = "<script>document.title='owned'</script>\x1b[31mred\x1b[0m \u202egnp.exe \"'><img src=x onerror=alert(1)>"
"""What a package may try: markup, terminal colours, text that runs backwards, the end of an attribute."""

FIRST = Environment(  # noqa: S604 - not a subprocess
    salt="5eed",
    build_path="/build/source",
    hostname="first",
    domainname="first.example",
    clock_offset=0,
    timezone="GMT+12",
    locale="C.UTF-8",
    language="",
    umask=0o022,
    user="first",
    uid=1111,
    login_shell="/bin/sh",
    home="/home/first",
    path=("/usr/local/bin", "/usr/bin", "/bin"),
    variables=(),
    uname26=False,
    cpus=1,
    reverse_files=False,
    hash_seed=0,
    tmpdir="/var/tmp",  # noqa: S108 - a folder of the container
    environment_path="/usr/lib/build-requirements",
    shell="/bin/dash",
    source_date_epoch=1596163658,
)

SECOND = replace(  # noqa: S604 - not a subprocess
    FIRST,
    build_path="/srv/5eed/second/build/source-5eed",
    hostname="host-5eed",
    domainname="5eed.example",
    clock_offset=34_410_180,
    timezone="GMT-14",
    locale="et_EE.UTF-8",
    language="et_EE:et",
    umask=0o002,
    user="second",
    uid=2222,
    login_shell="/bin/bash",
    home="/nonexistent/home-5eed",
    path=(*FIRST.path, "/opt/5eed/bin"),
    variables=(("CAPTURE_ENVIRONMENT", "5eed"),),
    uname26=True,
    cpus=None,
    reverse_files=True,
    hash_seed=24302,
    tmpdir="/var/5eed/tmp",
    environment_path="/opt/5eed/second/requirements",
    shell="/bin/bash",
)

VARIATIONS = (
    ("build-path", "Build in another folder."),
    ("domain-host", "Build on another host."),
    ("time", "Build later."),
    ("timezone", "Build further east."),
    ("locales", "Build in Estonian."),
    ("umask", "Create files that the group may write."),
    ("user-group", "Build as another user."),
    ("home", "Build without a home."),
    ("exec-path", "Look in one more folder."),
    ("environment", "Set one more variable."),
    ("kernel", "Build on a kernel that calls itself 2.6."),
    ("num-cpus", "Build on all processors."),
    ("fileordering", "List files in the opposite order."),
    ("hash-seed", "Seed the hashes otherwise."),
    ("tmpdir", "Keep temporary files elsewhere."),
    ("environment-path", "Find the build requirements elsewhere."),
    ("shell", "Run scripts with bash."),
)

IMAGE = UsedImage("bookworm", "sha256:" + digest("image"), digest("manifest"), "archive")
SETUPTOOLS = Pin("setuptools", "80.9.0", digest("setuptools 80.9.0"), "setuptools-80.9.0-py3-none-any.whl", "")
DIFFERENCES = (
    Difference("six.py", Aspect.MODE),
    Difference("six-1.16.0.dist-info/RECORD", Aspect.CONTENT, consequence=True),
)
LOGS = (b"first\n", b"second\n", b"control\n")
NO_NETWORK = Failure(Reason.NEEDS_NETWORK, Phase.BUILD_WHEEL, "Could not resolve host: example.org")


def sample(  # noqa: PLR0913 - each has its name
    project: str = "six",
    version: str = "1.16.0",
    verdict: Verdict = Verdict.REPRODUCIBLE,
    *,
    days: float = 0,
    image: UsedImage = IMAGE,
    pins: tuple[Pin, ...] = (SETUPTOOLS,),
    hold: tuple[str, ...] = (),
    remove: tuple[str, ...] = (),
    failure: Failure | None = None,
    logs: tuple[bytes, ...] = LOGS,
) -> Result:
    """Return what a job that ended in this verdict, so many days after NOON, might have recorded."""
    built = verdict not in {Verdict.NO_SDIST, Verdict.EXCLUDED}
    if verdict is Verdict.FTBFS:
        failure = failure or NO_NETWORK
    sdist = Sdist(f"{project}-{version}.tar.gz", "https://files.example/sdist", digest([project, version]), 34_041)
    inputs = _inputs(project, version, sdist, image, pins, hold, remove)
    finished = NOON + timedelta(days=days)
    differing = verdict in {Verdict.SENSITIVE, Verdict.INTRINSIC}
    return Result(
        schema=SCHEMA,
        job=digest([project, version, image.name, pins, hold, remove]),
        project=project,
        version=version,
        image=image,
        verdict=verdict,
        holds=(),
        reason=failure.reason if failure else "",
        failure=failure,
        sdist=sdist if built else None,
        build_requirements=pins if built else (),
        source_date_epoch=FIRST.source_date_epoch,
        builds=tuple(_builds(project, version, verdict, failure, logs)) if built else (),
        variations=tuple(_variants(hold, remove)) if built and not failure else (),
        differences=DIFFERENCES if differing else (),
        inputs=inputs if built else None,
        requirement=project,
        started=finished - timedelta(seconds=2),
        finished=finished,
        wheelproof="0.1.0",
    )


def log_name(log: bytes) -> str:
    """Return the name under which the store keeps a log."""
    return hashlib.sha256(log).hexdigest()


def probe(environment: Environment) -> Probe:
    """Return what a probe would see in a container that is as it was asked for."""
    return Probe(
        build_path=environment.build_path,
        hostname=environment.hostname,
        domainname=environment.domainname,
        clock=NOON.timestamp() + environment.clock_offset,
        utc_offset=50_400 if environment.timezone == "GMT-14" else -43_200,
        locale=environment.locale,
        language=environment.language,
        umask=environment.umask,
        uid=environment.uid,
        user=environment.user,
        login_shell=environment.login_shell,
        home=environment.home,
        home_exists=not environment.home.startswith("/nonexistent"),
        path=environment.path,
        variables=environment.variables,
        kernel="2.6.78" if environment.uname26 else "6.1.0",
        cpus=environment.cpus or 2,
        listing=("b", "a") if environment.reverse_files else ("a", "b"),
        hash_of_word=environment.hash_seed * 7919,
        tmpdir=environment.tmpdir,
        environment_path=environment.environment_path,
        shell=environment.shell,
        interfaces=("lo",),
    )


def _inputs(
    project: str,
    version: str,
    sdist: Sdist,
    image: UsedImage,
    pins: tuple[Pin, ...],
    hold: tuple[str, ...],
    remove: tuple[str, ...],
) -> Inputs:
    return Inputs(
        method=METHOD,
        project=project,
        version=version,
        sdist=sdist.sha256,
        build_requirements=Lock(pins).digest,
        image=image.name,
        manifest=image.manifest,
        source_date_epoch=FIRST.source_date_epoch,
        hold=hold,
        remove=remove,
        limits=Limits(),
    )


def _builds(
    project: str, version: str, verdict: Verdict, failure: Failure | None, logs: tuple[bytes, ...]
) -> Iterable[Build]:
    """Yield builds whose bytes are told by one letter of `bytes_of` each."""
    bytes_of = {Verdict.REPRODUCIBLE: "aa", Verdict.SENSITIVE: "aba", Verdict.INTRINSIC: "abc", Verdict.FTBFS: "-"}
    names = zip(("first", "second", "control"), bytes_of[verdict], logs, strict=False)
    for name, content, log in names:
        wheel = WheelFile(f"{project}-{version}-py3-none-any.whl", digest([project, version, content]), 11_053)
        environment = SECOND if name == "second" else FIRST
        yield Build(
            name=name,
            environment=environment,
            wheel=None if failure else wheel,
            failure=failure,
            probe=probe(environment),
            seconds=0.41,
            cpu_seconds=0.2,
            log=log_name(log),
        )


def _variants(hold: tuple[str, ...], remove: tuple[str, ...]) -> Iterable[Variant]:
    for name, _ in VARIATIONS:
        mode = Mode.HELD if name in hold else Mode.REMOVED if name in remove else Mode.VARIED
        yield Variant(name, mode, acted=mode is Mode.VARIED)

"""The configuration: its value, and the message for every mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.build.variations import NAMES
from orchestrator.config import (
    Config,
    checks,
    custom,
    excluded,
    is_path,
    load,
    on_image,
    parse,
    project,
    schema,
    tasks,
    tracked,
)
from orchestrator.config.values import DaskSettings, Keep
from orchestrator.errors import ConfigError, UsageError
from orchestrator.images import recipe
from orchestrator.model import DAY, Budget, Limits, Policy, Tracked

ROOT = Path(__file__).resolve().parents[3]
IMAGES = recipe.names(ROOT / "images")


def read(text: str) -> Config:
    """Parse a configuration as the file /farm/config.yaml."""
    return parse(
        text,
        "config.yaml",
        Path("/farm"),
        variations=("build-path", "time", "tmpdir", "umask"),
        images=("bookworm", "trixie"),
    )


def mistakes(text: str) -> list[str]:
    """Return the message for a wrong configuration, without the first line and the file's name."""
    with pytest.raises(ConfigError) as caught:
        read(text)
    first, *lines = str(caught.value).splitlines()
    assert first.startswith("reading config.yaml: ")
    assert all(line.startswith("config.yaml:") for line in lines)
    return [line.removeprefix("config.yaml:") for line in lines]


AUTO = "{}: there is no image 'auto'; known are bookworm, trixie"
MOMENT = "must be a date such as 2026-01-31, or a moment such as 2026-01-31T12:00:00Z"


# --- what is right ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{}", "# nothing but a comment", "---\n...\n"])
def test_everything_has_a_default(text: str) -> None:
    """An empty file is a configuration that tracks nothing, with its paths relative to the file."""
    found = read(text)
    assert (found.images, found.jobs, found.index, found.as_of, found.strict) == (
        ("bookworm",),
        None,
        None,
        None,
        False,
    )
    assert (found.cache, found.results) == (Path("/farm/.cache"), Path("/farm/results"))
    assert found.defaults.limits == Limits()
    assert found.defaults.budget == Budget()
    assert found.defaults.source_date_epoch == 1_596_163_658
    assert tasks(found) == ()


def test_config_settings_arrive_in_order_of_their_keys() -> None:
    """A text is one value; a list is one value for each time that the key occurs."""
    found = read("""
        packages:
          Contourpy: {config-settings: {setup-args: [-Dx=true, -Dy=1], build-dir: "b"}}
        groups: {all: {packages: [contourpy, six]}}
    """)
    contourpy, six = tasks(found)
    assert contourpy.config_settings == (("build-dir", "b"), ("setup-args", "-Dx=true"), ("setup-args", "-Dy=1"))
    assert six.config_settings == ()


def test_every_key_arrives() -> None:
    """What is written is what the farm works with."""
    found = read("""
        index: http://127.0.0.1:3141/simple/
        image: trixie
        as-of: 2026-01-31
        strict: true
        published: true
        jobs: 3
        source-date-epoch: null
        long: 90s
        cache: /var/cache/farm
        results: out
        keep: {wheels: 1 KiB, logs: 7, cache: 1 MiB, unused: 2d}
        limits: {time: 2h, memory: 512 MiB, scratch: 1 TiB, processes: 9, files: 99}
        budget: {builds: 9, time: 1h, remedies: false}
        packages: {a: {limits: {log: 5 B, sdist: 6, members: 8, wheel: 4}, budget: {builds: 0}}}
        variations: {hold: [umask, time, umask], remove: [tmpdir]}
    """)
    assert (found.index, found.images) == ("http://127.0.0.1:3141/simple/", ("trixie",))
    assert found.as_of == datetime(2026, 2, 1, tzinfo=UTC)
    assert (found.strict, found.jobs, found.long) == (True, 3, 90)
    assert (found.cache, found.results) == (Path("/var/cache/farm"), Path("/farm/out"))
    assert found.keep == Keep(1024, 7, 1 << 20, 2 * DAY)
    assert found.packages["a"].limits == Limits(
        seconds=7200, memory=512 << 20, scratch=1 << 40, processes=9, files=99, log=5, sdist=6, members=8, wheel=4
    )
    assert found.defaults.limits.log == Limits().log
    assert found.defaults.budget == Budget(builds=9, seconds=3600, remedies=False)
    assert found.packages["a"].budget == Budget(builds=0, seconds=3600, remedies=False)
    assert (found.defaults.hold, found.defaults.remove) == (("time", "umask"), ("tmpdir",))
    assert found.defaults.source_date_epoch is None
    assert [task.published for task in tasks(found, ["a", "b"])] == [True, True]
    assert not read("").defaults.published


def test_spread_is_for_all_packages_unless_one_has_another_value() -> None:
    """It is off by default."""
    assert [task.spread for task in tasks(read(""), ["a"])] == [False]
    found = read("""
        spread: true
        packages: {a: {spread: false}, b: {hold: [umask]}}
    """)
    assert [task.spread for task in tasks(found, ["a", "b", "c"])] == [False, True, True]
    found = read("packages: {a: {spread: true}, b: {spread: null}}")
    assert [task.spread for task in tasks(found, ["a", "b"])] == [True, False]


def test_where_crates_come_from_and_what_runs_containers_arrive() -> None:
    """With defaults that reach nothing but the registry, at a public address, in the engine's own runtime."""
    assert (read("").crates_downloads, read("").crates_private, read("").isolation) == ((), False, "engine")
    found = read("""
        crates: https://index.registry.example/
        crates-downloads: [https://static.registry.example/]
        crates-private: true
        isolation: runsc
    """)
    assert (found.crates, found.crates_downloads) == (
        "https://index.registry.example/",
        ("https://static.registry.example/",),
    )
    assert (found.crates_private, found.isolation) == (True, "runsc")


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("isolation: ''", "1:12: isolation: "),
        ("isolation: --x", "1:12: isolation: "),
        ("isolation: 5", "1:12: isolation: "),
        ("crates-private: 1", "1:17: crates-private: "),
        ("crates-downloads: [ftp://x/]", "1:20: crates-downloads"),
    ],
)
def test_what_cannot_be_a_runtime_or_a_registry_is_a_mistake(text: str, where: str) -> None:
    """With its place."""
    (found,) = mistakes(text)
    assert found.startswith(where), found


def test_a_package_inherits_what_it_does_not_set() -> None:
    """Its own limits go before the common ones, its variations come on top of them."""
    found = read("""
        limits: {time: 10m, processes: 7}
        variations: {hold: [umask]}
        packages:
          NumPy: {limits: {time: 60m}, hold: [time], image: trixie}
          six: {source-date-epoch: null}
    """)
    numpy, six = found.packages["numpy"], found.packages["six"]
    assert (numpy.limits.seconds, numpy.limits.processes, numpy.images) == (3600, 7, ("trixie",))
    assert (numpy.hold, six.hold) == (("time", "umask"), ("umask",))
    assert (numpy.source_date_epoch, six.source_date_epoch) == (1_596_163_658, None)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2026-01-31", datetime(2026, 2, 1, tzinfo=UTC)),
        ("'2026-01-31'", datetime(2026, 2, 1, tzinfo=UTC)),
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("'2026-01-31T12:00:00Z'", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31 12:00:00.25 +02:00", datetime(2026, 1, 31, 10, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-01-31T12:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("null", None),
    ],
)
def test_as_of_a_day_or_a_moment(written: str, expected: datetime | None) -> None:
    """A day is its end, in UTC; quotes change nothing, for YAML 1.2 reads both as text."""
    assert read(f"as-of: {written}").as_of == expected


def test_the_nearest_as_of_counts() -> None:
    """The package's, or else the group's, or else the configuration's; null is the index as it is."""
    found = read("""
        as-of: 2026-01-01
        groups:
          plain: {packages: [a, b, c]}
          dated: {packages: [a==1, b==1, c==1], as-of: 2026-01-02}
          today: {packages: [a==2, b==2, c==2], as-of: null}
        packages: {b: {as-of: "2026-01-03T00:00:00Z"}, c: {as-of: null}}
    """)
    days = {task.requirement: task.as_of and task.as_of.day for task in tasks(found)}
    assert days == {
        "a": 2,
        "b": 3,
        "c": None,
        "a==1": 3,
        "b==1": 3,
        "c==1": None,
        "a==2": None,
        "b==2": 3,
        "c==2": None,
    }
    assert [task.as_of and task.as_of.day for task in tasks(found, ["a", "b", "c"])] == [2, 3, None]


@pytest.mark.parametrize("written", ["auto", "[auto]", "[trixie, auto]"])
def test_auto_may_be_written_for_an_image(written: str) -> None:
    """Wherever the images of builds are named."""
    text = f"""
        image: {written}
        groups: {{g: {{packages: [a, b], image: {written}}}}}
        packages: {{a: {{image: {written}}}}}
    """
    found = read(text)
    assert {found.images, found.groups[0].images, found.packages["a"].images} == {found.images}
    assert [one.image for one in tasks(found)] == [*found.images] * 2
    assert "auto" in found.images


def test_what_auto_chooses_from() -> None:
    """The images that come along, unless others are named."""
    assert read("").auto_images == ("bookworm", "trixie")
    assert read("auto-images: [trixie, bookworm]").auto_images == ("trixie", "bookworm")


def test_what_is_tracked_on_auto_is_on_any_image() -> None:
    """The release decides on which."""
    found = read("groups: {g: {packages: [a, b==1], image: [auto, trixie]}}")
    assert tracked(found) == (Tracked("a"), Tracked("a", "", "trixie"), Tracked("b", "1"), Tracked("b", "1", "trixie"))


def test_the_tools_are_those_of_the_image_that_auto_chose() -> None:
    """Unless package, group or profile name some; the other settings stay."""
    found = read("""
        image: auto
        images: {trixie: {build-tools: {policy: debian}}}
        groups:
          plain: {packages: [a, b]}
          own: {packages: [a==1], build-tools: {policy: source}}
        packages: {b: {build-tools: {policy: index}, limits: {time: 1h}}}
    """)
    placed = [on_image(found, replace(one, published=True), "trixie") for one in tasks(found)]
    assert [(one.requirement, one.image, one.tools.policy) for one in placed] == [
        ("a", "trixie", Policy.DEBIAN),
        ("b", "trixie", Policy.INDEX),
        ("a==1", "trixie", Policy.SOURCE),
    ]
    assert [(one.limits.seconds, one.published) for one in placed] == [(1800, True), (3600, True), (1800, True)]


# --- what is to be built ---------------------------------------------------------------------

GROUPS = """
groups:
  one: {packages: [Six, "Requests == 2.32.3", enum34]}
  two: {packages: [six, requests, "markupsafe>=2,<3"], image: trixie}
  three: {packages: [six, requests]}
  four: {packages: [numpy], enabled: false}
packages:
  requests: {limits: {time: 60m}, hold: [umask], remove: [time], source-date-epoch: 400000000}
exclusions:
  - {project: Enum34, reason: shadows the standard library, since: 2020-08-01}
"""


def test_enabled_groups_become_tasks() -> None:
    """In the order of the file, each once for an image, the excluded and the switched-off left out."""
    found = tasks(read(GROUPS))
    assert [(one.requirement, one.image, one.group) for one in found] == [
        ("six", "bookworm", "one"),
        ("requests==2.32.3", "bookworm", "one"),
        ("six", "trixie", "two"),
        ("requests", "trixie", "two"),
        ("markupsafe<3,>=2", "trixie", "two"),
        ("requests", "bookworm", "three"),
    ]
    assert tracked(read(GROUPS)) == (
        Tracked("six", "", "bookworm"),
        Tracked("requests", "2.32.3", "bookworm"),
        Tracked("six", "", "trixie"),
        Tracked("requests", "", "trixie"),
        Tracked("markupsafe", "", "trixie"),
        Tracked("requests", "", "bookworm"),
    )


@pytest.mark.parametrize(
    ("requirement", "version"),
    [("a==1.0", "1.0"), ("a==1.0.post01", "1.0.post1"), ("a==1.*", ""), ("a>=1", ""), ("a==1,>0", ""), ("a===1", "")],
)
def test_a_pin_is_one_version_as_results_have_it(requirement: str, version: str) -> None:
    """Normalized (PEP 440); what admits others is no pin."""
    (found,) = tracked(read(f"groups: {{all: {{packages: ['{requirement}']}}}}"))
    assert found == Tracked("a", version, "bookworm")


def test_each_image_is_a_task_of_its_own() -> None:
    """Of all, of a group, of a package, of the command line: whatever is named last in this list goes first."""
    found = read("""
        image: [trixie, bookworm]
        profiles: {theirs: {image: bookworm, umask: "022"}}
        groups:
          one: {packages: [six, numpy, idna]}
          two: {packages: [six, attrs], image: [bookworm]}
        packages: {numpy: {image: [trixie]}, idna: {profile: theirs}}
        exclusions: [{project: scipy, reason: needs BLAS, since: 2020-08-01, image: bookworm}]
    """)
    assert [(one.requirement, one.image) for one in tasks(found)] == [
        ("six", "trixie"),
        ("six", "bookworm"),
        ("numpy", "trixie"),
        ("idna", "bookworm"),
        ("attrs", "bookworm"),
    ]
    assert [one.image for one in tasks(found, ["pytz"])] == ["trixie", "bookworm"]
    assert [one.image for one in tasks(found, ["pytz"], profile="theirs")] == ["bookworm"]
    assert [one.image for one in tasks(found, ["numpy"], ["bookworm", "trixie", "bookworm"])] == ["bookworm", "trixie"]
    assert [one.image for one in checks(found, found.exclusions)] == ["trixie"]


def test_build_tools_of_an_image_reach_its_tasks_alone() -> None:
    """Of a release on two images, one may be built with Debian's."""
    found = read("image: [bookworm, trixie]\nimages: {trixie: {build-tools: {policy: debian}}}")
    assert [one.tools.policy for one in tasks(found, ["six"])] == [Policy.INDEX, Policy.DEBIAN]


def test_an_exclusion_is_checked_where_it_would_be_built_and_where_it_may_be_lifted() -> None:
    """On its own image or its group's, with its own settings; for long at first, and for the verdict alone."""
    found = read("""
        groups: {one: {packages: ["SciPy>=1"], image: trixie}}
        packages: {scipy: {limits: {time: 3h}}}
        exclusions-age: 7d
        exclusions:
          - {project: Scipy, reason: needs BLAS, since: 2020-08-01, image: bookworm}
          - {project: enum34, reason: shadows, since: 2020-08-01, never: true}
    """)
    scipy, enum34 = found.exclusions
    assert (found.exclusions_age, read("").exclusions_age) == (7 * 86_400, 30 * 86_400)
    assert (scipy.never, enum34.never) == (False, True)
    lifting = custom(found, scipy)
    assert lifting is not None
    tried = (*checks(found, found.exclusions), lifting)
    assert [(one.requirement, one.image) for one in tried] == [
        ("scipy", "trixie"),
        ("enum34", "bookworm"),
        ("scipy", "bookworm"),
    ]
    assert [one.limits.seconds for one in tried] == [10_800, Limits().seconds, 10_800]
    assert all(one.long and one.budget.builds == 0 for one in tried)
    assert all(one.or_budget == Budget() for one in tried), "a verdict that was explained is one, too"
    assert custom(found, enum34) is None


def test_the_alarm_reaches_the_configuration() -> None:
    """An address always ends with a slash, so that pages can be added to it."""
    found = read('{on-change: [/bin/mail, "-s", "it changed", me], site-url: "https://example.org/wheels"}')
    assert found.on_change == ("/bin/mail", "-s", "it changed", "me")
    assert found.site_url == "https://example.org/wheels/"
    assert (read("").on_change, read("").site_url) == ((), "")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("on-change: notify-me", "list"),
        ('on-change: [""]', "empty"),
        ("on-change: [1]", "must be text"),
        ("site-url: example.org", "not the address of a site"),
        ("site-url: javascript:alert(1)", "not the address of a site"),
        ("site-url: 'https://example.org/?a=b'", "not the address of a site"),
        ("site-url: https://me:secret@example.org/", "password"),
    ],
)
def test_mistakes_in_the_alarm_have_their_place(text: str, fault: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(ConfigError, match=rf"config\.yaml:1:\d+: .*{fault}"):
        read(text)


def test_exclusions_are_chosen_by_their_projects() -> None:
    """Each once, however its name is written; all of them where none is named; an unknown name is an error."""
    text = (
        "{project: scipy, reason: needs BLAS, since: 2020-08-01}, {project: enum34, reason: shadows, since: 2020-08-01}"
    )
    found = read(f"exclusions: [{text}]")
    assert [one.project for one in excluded(found, ["Enum34", "enum34"])] == ["enum34"]
    assert excluded(found, []) == found.exclusions
    with pytest.raises(UsageError, match="checking 'six': the configuration excludes enum34, scipy"):
        excluded(found, ["scipy", "six"])


def test_settings_of_a_package_reach_its_tasks() -> None:
    """They apply to every version of the project, requested or tracked, and to no other project."""
    for found in (tasks(read(GROUPS))[1], tasks(read(GROUPS), ["Requests"])[0]):
        assert (found.hold, found.remove, found.source_date_epoch) == (("umask",), ("time",), 400_000_000)
        assert found.limits.seconds == 3600
    assert tasks(read(GROUPS))[0].limits == Limits()
    assert tasks(read("budget: {builds: 3}"), ["six"])[0].budget == Budget(builds=3)


def test_requirements_replace_the_groups() -> None:
    """What is asked for is built, be it excluded, and paths are left as they are."""
    asked = ["Enum34", "enum34", "./project", "dist/requests-2.0.tar.gz"]
    found = tasks(read(GROUPS), asked)
    assert [one.requirement for one in found] == ["enum34", "./project", "dist/requests-2.0.tar.gz"]
    assert {(one.image, one.group) for one in found} == {("bookworm", "")}
    assert found[2].limits.seconds == 3600


def test_the_image_asked_for_goes_first() -> None:
    """An image on the command line overrules groups and packages, and makes twins one task."""
    config = read("{groups: {one: {packages: [six]}, two: {packages: [six], image: trixie}}}")
    assert [(one.image, one.group) for one in tasks(config, images=["bookworm"])] == [("bookworm", "one")]


def test_all_wrong_requirements_are_told() -> None:
    """The mistakes of the command line are reported together, too."""
    with pytest.raises(UsageError) as caught:
        tasks(Config(), ["six", "!!", "a[b]", "c; python_version > '3'", "d @ https://example.org/d.tar.gz"])
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "reading the requirement '!!'",
        "reading the requirement 'a[b]'",
        "reading the requirement \"c; python_version > '3'\"",
        "reading the requirement 'd @ https",
    ]


@pytest.mark.parametrize(
    ("requirement", "path", "name"),
    [
        ("Six", False, "six"),
        ("six==1.16.0", False, "six"),
        ("ruamel.yaml", False, "ruamel-yaml"),
        ("./six", True, ""),
        (".", True, ""),
        ("/src/six", True, ""),
        ("Ruamel_Yaml-1.0.tar.gz", True, "ruamel-yaml"),
        ("dist/six-1.16.0.zip", True, "six"),
        ("odd.tar.gz", True, ""),
    ],
)
def test_paths_are_told_from_names(requirement: str, path: bool, name: str) -> None:  # noqa: FBT001 - a table
    """A path has a slash, begins with a dot, or ends as an archive does."""
    assert (is_path(requirement), project(requirement)) == (path, name)


def test_the_workers_of_dask_arrive() -> None:
    """The files of TLS are relative to the configuration; without `dask`, this host builds."""
    assert (read("").dask, read("dask: null").dask) == (None, None)
    assert read("dask: {address: 'tls://[2001:db8::1]:8786'}").dask == DaskSettings("tls://[2001:db8::1]:8786")
    found = read("dask: {address: 'tls://a.example:1', ca: tls/ca.pem, certificate: /etc/c.pem, key: ../k}").dask
    assert found == DaskSettings("tls://a.example:1", Path("/farm/tls/ca.pem"), Path("/etc/c.pem"), Path("/farm/../k"))


# --- what is wrong ---------------------------------------------------------------------------

ZIP = "must be from 315532800 to 4354819199: a zip archive, and so a wheel, can store the years 1980 to 2107"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nimagee: bookworm", "2:1: imagee: unknown key; did you mean 'image'?"),
        ("keep: {log: 1}", "1:8: keep.log: unknown key; did you mean 'logs'?"),
        ("limits: {proceses: 3}", "1:10: limits.proceses: unknown key; did you mean 'processes'?"),
        ("keep: {xyz: 1}", "1:8: keep.xyz: unknown key; known are cache, logs, unused, wheels"),
        (
            "groups:\n  a:\n    packages: []\n    enable: true",
            "4:5: groups.a.enable: unknown key; did you mean 'enabled'?",
        ),
        ("packages: {a: {holds: []}}", "1:16: packages.a.holds: unknown key; did you mean 'hold'?"),
        ("image: bookwurm", "1:8: image: there is no image 'bookwurm'; did you mean 'bookworm'?"),
        ("image: x", "1:8: image: there is no image 'x'; known are bookworm, trixie"),
        ("image: [bookworm, x]", "1:19: image[1]: there is no image 'x'; known are bookworm, trixie"),
        ("image: []", "1:8: image: must be the name of an image or a list of them, not []"),
        ("image: 5", "1:8: image: must be the name of an image or a list of them, not 5"),
        ("image: [true]", "1:9: image[0]: must be text, not True; put it in quotes"),
        ("packages: {a: {image: [trixie, trixie]}}", "1:23: packages.a.image: names 'trixie' twice"),
        (
            "groups: {a: {packages: [], image: trixi}}",
            "1:35: groups.a.image: there is no image 'trixi'; did you mean 'trixie'?",
        ),
        (
            "variations:\n  hold:\n  - umask\n  - umaks",
            "4:5: variations.hold[1]: there is no variation 'umaks'; did you mean 'umask'?",
        ),
        (
            "packages: {a: {remove: [tmp-dir]}}",
            "1:25: packages.a.remove[0]: there is no variation 'tmp-dir'; did you mean 'tmpdir'?",
        ),
        ("jobs: 0", "1:7: jobs: must be at least 1, not 0"),
        ("jobs: yes", "1:7: jobs: must be a whole number, not True"),
        ("strict: 1", "1:9: strict: must be true or false, not 1"),
        ("keep: 4", "1:7: keep: must be a mapping of keys to values, not 4"),
        ("groups: [six]", "1:9: groups: must be a mapping of keys to values, not ['six']"),
        ("packages: [six]", "1:11: packages: must be a mapping of keys to values, not ['six']"),
        ("groups: {a: }", "1:12: groups.a: must be a mapping of keys to values, not None"),
        ("groups: {a: {}}", "1:13: groups.a: names neither packages nor requirements"),
        ("groups: {A b: {packages: []}}", "1:10: groups.'A b': must be lower-case letters, digits and hyphens"),
        ("[]", "1:1: must be a mapping of keys to values, not []"),
        ("keep: {wheels: 4 GB}", "1:16: keep.wheels: must be a size such as 4 GiB, not '4 GB'"),
        ("keep: {wheels: 0}", "1:16: keep.wheels: must be a size such as 4 GiB, not 0"),
        ("keep: {wheels: true}", "1:16: keep.wheels: must be a size such as 4 GiB, not True"),
        (
            "packages: {a: {config-settings: {b: yes}}}",
            "1:37: packages.a.config-settings.b: must be text or a list of texts, not True; put it in quotes",
        ),
        ("limits: {time: 1 day}", "1:16: limits.time: must be a time such as 30m or 90s, not '1 day'"),
        ("limits: {memory: 1 MiB}", "1:18: limits.memory: must be at least 6291456, not '1 MiB'"),
        ("limits: {files: 9999999}", "1:17: limits.files: must be at most 1048576, not 9999999"),
        ("budget: {builds: -1}", "1:18: budget.builds: must be at least 0, not -1"),
        ("budget: {remedies: 1}", "1:20: budget.remedies: must be true or false, not 1"),
        ("budget: {bilds: 1}", "1:10: budget.bilds: unknown key; did you mean 'builds'?"),
        ("source-date-epoch: 315532799", f"1:20: source-date-epoch: {ZIP}"),
        ("packages: {a: {source-date-epoch: 0}}", f"1:35: packages.a.source-date-epoch: {ZIP}"),
        ("source-date-epoch: 4354819200", f"1:20: source-date-epoch: {ZIP}"),
        ("as-of: 2026-13-01", "1:8: as-of: '2026-13-01' looks like a date or a number, but is none"),
        ("as-of: soon", f"1:8: as-of: {MOMENT}, not 'soon'"),
        ("as-of: '2026-02-30'", f"1:8: as-of: {MOMENT}, not '2026-02-30'"),
        ("as-of: 5", f"1:8: as-of: {MOMENT}, not 5"),
        ("as-of: true", f"1:8: as-of: {MOMENT}, not True"),
        ("as-of: [soon]", f"1:8: as-of: {MOMENT}, not ['soon']"),
        (
            "as-of: 2026-01-31 10:00:00",
            "1:8: as-of: has no time zone; write 2026-01-31T10:00:00Z if '2026-01-31 10:00:00' is in UTC",
        ),
        (
            "packages: {a: {as-of: 2026-01-31T10:00}}",
            "1:23: packages.a.as-of: has no time zone; write 2026-01-31T10:00:00Z if '2026-01-31T10:00' is in UTC",
        ),
        ("as-of: '0001-01-01T00:00:00+02:00'", "1:8: as-of: 0001-01-01 00:00:00+02:00 is out of range"),
        ("image: [auto, auto]", "1:8: image: names 'auto' twice"),
        ("auto-images: auto", "1:14: auto-images: must be the name of an image or a list of them, not 'auto'"),
        ("auto-images: [auto]", AUTO.format("1:15: auto-images[0]")),
        ("profiles: {a: {image: auto}}", AUTO.format("1:23: profiles.a.image")),
        (
            "exclusions: [{project: a, since: 2020-08-01, reason: b, image: auto}]",
            AUTO.format("1:64: exclusions[0].image"),
        ),
        ("index: ftp://host/", "1:8: index: 'ftp://host/' is not the address of a package index (http or https)"),
        (
            "index: https://me:secret@host/",
            "1:8: index: has a password, which every record would show; put it in ~/.netrc",
        ),
        ("cache: ''", "1:8: cache: '' is not a path"),
        (
            "groups: {a: {packages: [on]}}",
            "1:25: groups.a.packages[0]: must be text, not True; put it in quotes",
        ),
        (
            "groups: {a: {packages: ['!!']}}",
            "1:25: groups.a.packages[0]: '!!' is not a requirement (PEP 508); write NAME or NAME==VERSION",
        ),
        (
            "groups: {a: {packages: ['a @ https://h/a.zip']}}",
            (
                "1:25: groups.a.packages[0]: 'a @ https://h/a.zip' names a URL, but only releases of the index are "
                "built; write NAME==VERSION"
            ),
        ),
        (
            "groups: {a: {packages: ['a; os_name == \"nt\"']}}",
            (
                "1:25: groups.a.packages[0]: 'a; os_name == \"nt\"' has a marker, but the image decides where it is "
                "built; leave out what follows the ;"
            ),
        ),
        (
            "groups: {a: {packages: ['a[b]']}}",
            ("1:25: groups.a.packages[0]: 'a[b]' has extras, but they change no wheel; leave out the brackets"),
        ),
        (
            "groups:\n  a:\n    packages:\n    - six\n    - other\n    - Six",
            "6:7: groups.a.packages[2]: 'Six' stands twice in this group, here and as [0]",
        ),
        ("packages: {'a b': {}}", "1:12: packages.'a b': 'a b' is not a project's name (PEP 503)"),
        (
            "packages:\n  a-b: {}\n  A_b: {}",
            "3:3: packages.A_b: the same project as 'a-b' (PEP 503); keep one of them",
        ),
        (
            "packages:\n  A.b: {}\n  A_b: {}",
            "3:3: packages.A_b: the same project as 'A.b' (PEP 503); keep one of them",
        ),
        (
            "variations: {hold: [time], remove: [umask, time]}",
            "1:44: variations.remove[1]: 'time' is held as well; do one of the two",
        ),
        (
            "variations: {hold: [time]}\npackages: {a: {remove: [time]}}",
            "2:25: packages.a.remove[0]: 'time' is held as well; do one of the two",
        ),
        (
            "variations: {remove: [time]}\npackages: {a: {hold: [time]}}",
            "2:23: packages.a.hold[0]: 'time' is removed for all packages; do one of the two",
        ),
        ("exclusions: [{project: a, since: 2020-08-01}]", "1:14: exclusions[0].reason: is missing"),
        (
            "exclusions: [{project: a, since: 2020-08-01, reason: ''}]",
            "1:54: exclusions[0].reason: must not be empty",
        ),
        (
            "exclusions:\n- {project: a, since: 2020-08-01, reason: b}\n- {project: A, since: 2020-08-01, reason: b}",
            "3:13: exclusions[1].project: 'a' is excluded twice",
        ),
        ("dask: 5", "1:7: dask: must be a mapping of keys to values, not 5"),
        ("dask: {}", "1:7: dask.address: is missing"),
        (
            "dask: {address: 'tls://a:1', certificat: x}",
            "1:30: dask.certificat: unknown key; did you mean 'certificate'?",
        ),
        ("dask: {address: 'a:1'}", "1:17: dask.address: 'a:1' has no protocol; write tls://a:1"),
        (
            "dask: {address: 'tls://a:1', certificate: x}",
            "1:7: dask: lacks ca and key: TLS needs all of ca, certificate, key",
        ),
        ("dask: {address: 'tls://a:1', ca: '', key: a, certificate: b}", "1:34: dask.ca: '' is not a path"),
        ("jobs: 1\nlong: 3\njobs: 2", "3:1: jobs: stands twice, here and in line 1"),
        ("3: 4", "1:1: a key must be text; put it in quotes"),
        ("packages: {3: {image: trixie}}", "1:12: packages: a key must be text; put it in quotes"),
        ("? [a]\n: 4", "1:3: a key must be text; put it in quotes"),
        ("a: &x 1\nb: *x", "2:4: not understood as YAML: an alias (*name); write the value out"),
        ("jobs: !!int 3", "1:7: not understood as YAML: a tag (!name); plain values need none"),
        ("a: " + "[" * 5000, "1:15: not understood as YAML: nested more than 12 deep"),
        (
            "a: 1\n--- {}",
            "2:1: not understood as YAML: expected a single document in the stream; but found another document",
        ),
        ("a: 1\nb: \0", "2:4: the character U+0000 must be escaped"),
        ("#" * ((1 << 20) + 1), "1:1: longer than 1,048,576 characters"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, expected: str) -> None:
    """One mistake is one line, with line and column as editors count them, and what would be right."""
    assert mistakes(text) == [expected]


def test_all_mistakes_are_told_at_once() -> None:
    """No mistake hides another, whatever its kind, and they come by line."""
    found = mistakes("""\
imagee: trixie
jobs: -1
as-of: 2026-02-30
groups:
  a: {packages: [six, SIX, '!!'], image: trixy}
  a: {packages: []}
packages:
  b: {hold: [umaks, time], remove: [time], limits: {tim: 3}}
exclusions:
  - {project: c, reason: r}
7: 8
""")
    assert [line.split(" ")[0] for line in found] == [
        "1:1:",
        "2:7:",
        "3:8:",
        "5:23:",
        "5:28:",
        "5:42:",
        "6:3:",
        "8:14:",
        "8:37:",
        "8:53:",
        "10:5:",
        "11:1:",
    ]


def test_what_is_told_is_harmless_in_a_terminal() -> None:
    """Keys and values are repeated escaped, and cut."""
    (found,) = mistakes(r'"\e[2J": ' + "x" * 1000)
    assert "\x1b" not in found
    (found,) = mistakes("image: " + "x" * 1000)
    assert len(found) < 200


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "No such file or directory"), (b"\xff\xfe\x00", "it is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None, problem: str) -> None:
    """Neither a missing file nor one in another encoding is a crash."""
    path = tmp_path / "config.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"reading {path}: {problem}"):
        load(path, variations=NAMES, images=IMAGES)


_KEYS = st.sampled_from([
    "cache", "as-of", "jobs", "keep", "limits", "variations", "groups", "packages", "exclusions", "hold", "remove",
    "time", "memory", "since", "project", "reason", "index", "enabled", "a", "<<", "=", "on", "3", "[key]", "? x",
])  # fmt: skip
_VALUES = st.sampled_from([
    "", "~", "six", "'6 6'", "2020-99-99", "0b", "1_000", "1:30", ".inf", ".nan", "4 GiB", "*x", "&x y", "!!int z", "|",
    "umask", "umaks", "http://[", "2001-01-01T00:00:00+99:99", "9" * 5000, "@", "%", "six; x", "a[", "\x07", "\ud7ff",
])  # fmt: skip
_FLOW = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda some: "[" + ", ".join(some) + "]")
        | st.lists(st.tuples(_KEYS, inner), max_size=4).map(
            lambda some: "{" + ", ".join(f"{key}: {value}" for key, value in some) + "}"
        )
    ),
    max_leaves=12,
)
_BLOCK = st.lists(st.tuples(_KEYS, _FLOW), max_size=6).map(lambda some: "\n".join(f"{k}: {v}" for k, v in some))


@settings(deadline=None, derandomize=True, max_examples=400)
@given(_BLOCK | st.text(max_size=60))
def test_any_text_is_right_or_told_wrong(text: str) -> None:
    """Any content is a configuration, or a ConfigError with places within the file."""
    try:
        found = read(text)
    except ConfigError as error:
        lines = str(error).splitlines()[1:]
        assert lines
        assert all(1 <= int(line.split(":")[1]) <= len(text.splitlines()) + 1 for line in lines)
    else:
        assert isinstance(found, Config)


# --- the repository's own --------------------------------------------------------------------


def own() -> Config:
    """Load the configuration that the repository comes with."""
    return load(ROOT / "config.yaml", variations=NAMES, images=IMAGES)


def test_our_own_configuration_tracks_what_it_says() -> None:
    """The seed's 119 names less seven, SecureDrop's 45 pins; the 200 popular ones are switched off."""
    found = own()
    assert {one.name: (one.enabled, len(one.packages)) for one in found.groups} == {
        "seed": (True, 119),
        "securedrop": (True, 45),
        "popular": (False, 200),
    }
    listed = tasks(found)
    of_group = {name: [one for one in listed if one.group == name] for name in ("seed", "securedrop")}
    others = {
        name: {one.image for one in some if project(one.requirement) != "cryptography"}
        for name, some in of_group.items()
    }
    assert {name: len(some) for name, some in of_group.items()} == {"seed": 113, "securedrop": 90}
    assert others == {"seed": {"bookworm"}, "securedrop": {"bookworm", "trixie"}}
    assert {one.image for one in listed if project(one.requirement) == "cryptography"} == {"rust", "rust-trixie"}
    assert all("==" in one.requirement for one in listed if one.group == "securedrop")


def test_our_own_exclusions_are_the_seven_of_the_seed() -> None:
    """Each with its reason and its date, and none of them among the tasks."""
    found = own().exclusions
    seven = {"enum34", "ipython", "matplotlib", "pandas", "pyqt5", "scikit-learn", "scipy"}
    assert {one.project for one in found} == seven
    assert all(one.reason and one.since for one in found)
    assert seven.isdisjoint(one.project for one in tracked(own()))


def test_our_own_configuration_only_says_what_is_the_default() -> None:
    """Its comments promise so; of the defaults it repeats, none differs."""
    found, plain = own(), Config()
    assert found.defaults == plain.defaults
    assert (found.keep, found.long, found.images, found.jobs) == (plain.keep, plain.long, plain.images, plain.jobs)
    assert (found.cache, found.results) == (ROOT / plain.cache, ROOT / plain.results)


# --- the schema ------------------------------------------------------------------------------


def written_schema() -> dict[str, Any]:
    """Return the schema that editors use."""
    found: dict[str, Any] = json.loads((ROOT / "docs/config.schema.json").read_text(encoding="utf-8"))
    return found


def plain_data(text: str) -> object:
    """Read YAML as editors do: with dates as text."""
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def test_the_schema_is_fresh() -> None:
    """What editors use was made from the very models that check the file."""
    assert written_schema() == schema(variations=NAMES, images=IMAGES), "run `make docs`"


def test_the_schema_accepts_our_own_configuration() -> None:
    """An editor finds no fault with it."""
    jsonschema.Draft202012Validator.check_schema(written_schema())
    jsonschema.validate(plain_data((ROOT / "config.yaml").read_text(encoding="utf-8")), written_schema())


@pytest.mark.parametrize(
    "text",
    [
        "imagee: bookworm",
        "image: bookwurm",
        "image: []",
        "image: [bookworm, bookworm]",
        "groups: {a: {packages: [], image: [bookwurm]}}",
        "variations: {hold: [umaks]}",
        "limits: {time: 1 day}",
        "budget: {builds: -1}",
        "packages: {a: {limits: {memory: 4 GB}}}",
        "source-date-epoch: 0",
        "groups: {a: {}}",
        "index: ftp://host/",
        "dask: {address: 'a:8786'}",
        "dask: {address: 'tls://a:8786', ca: b}",
        "dask: {ca: a, certificate: b, key: c}",
    ],
)
def test_the_schema_refuses_what_we_refuse(text: str) -> None:
    """An editor underlines the mistakes that a run would report."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain_data(text), written_schema())
    with pytest.raises(ConfigError):
        read(text)


def test_every_key_is_described() -> None:
    """An editor can describe each key."""
    found = written_schema()
    for name, part in {"the file": found, **found["$defs"]}.items():
        for key, value in part["properties"].items():
            assert value.get("description"), f"{key} of {name}"

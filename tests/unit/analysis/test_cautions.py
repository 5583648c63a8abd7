"""What another day changes in a checkout is a finding, with the change that fixes it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.analysis.cautions import CHANGING_SDIST, DATED_VERSION, DEPENDS_ON_CPU, of_checkout
from orchestrator.model import Caution, Require
from orchestrator.publish.findings.judged import meets
from tests.sample_results import SETUPTOOLS, sample


@pytest.mark.parametrize(
    ("name", "evidence", "tool", "change"),
    [
        (DATED_VERSION, "p-1.2.dev0+g1a2b3c4.d20261127.tar.gz", "setuptools", "setuptools_scm"),
        (DATED_VERSION, "p-1.2+d20261127.tar.gz", "hatch-vcs", "tool.hatch.version.raw"),
        (
            DATED_VERSION,
            "p-1.2+d20261127.tar.gz",
            "pdm-backend",
            "version_format without the day in [tool.pdm",
        ),
        (DATED_VERSION, "p-1.2+d20261127.tar.gz", "poetry-core", "change tracked files."),
        (DATED_VERSION, "p-1.0.dev20261127.tar.gz", "setuptools", "tag_date"),
        (DATED_VERSION, "p-2026.11.tar.gz", "flit-core", "instead of the clock"),
        (CHANGING_SDIST, "it has other contents: p/_build.py", "flit-core", "SOURCE_DATE_EPOCH instead of the clock"),
    ],
)
def test_each_finding_has_the_change_that_fixes_it(name: str, evidence: str, tool: str, change: str) -> None:
    """By the form of the version, and by the backend."""
    pins = (replace(SETUPTOOLS, name=tool),)
    result = replace(sample(pins=pins), cautions=(Caution(name, ("first",), evidence),))
    (finding,) = of_checkout(result)
    assert (finding.name, finding.evidence) == (name, evidence)
    assert change in finding.change
    assert not meets(result, Require.REPRODUCIBLE)
    assert meets(result, Require.BUILDS)


def test_a_doubt_about_processors_is_none_about_the_checkout() -> None:
    """It concerns the wheel of the sdist, too."""
    caution = Caution(DEPENDS_ON_CPU, ("first",), "gcc -march=native")
    result = replace(sample(), cautions=(caution,))
    assert of_checkout(result) == ()
    assert meets(result, Require.REPRODUCIBLE)

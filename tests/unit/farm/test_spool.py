"""What a waiting job does not need is on disk, and comes back as it was."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.farm.plan import Job
from orchestrator.farm.spool import Spool
from orchestrator.model import OfferedWheel
from tests.samples import RELEASE, TASK

WHEELS = (OfferedWheel("six-1.0-py3-none-any.whl", "https://files.example/six.whl", "a" * 64, 7),)


def test_a_release_comes_back_as_it_was() -> None:
    """With its wheels, and the name of its sdist, whatever characters an index puts into them."""
    releases = [
        replace(
            RELEASE, project=name, wheels=(*WHEELS, replace(WHEELS[0], url=f"https://files.example/{name}\udc80\n"))
        )
        for name in ("six", "idna", "é")
    ]
    with Spool() as spool:
        bare = [spool.put(release) for release in releases]
        assert not any(one.wheels for one in bare)
        assert [spool.whole(Job(TASK, one)).release for one in reversed(bare)] == releases[::-1]


def test_what_identifies_a_job_stays() -> None:
    """So that equal jobs are found, and the plan has its order, without the disk."""
    with Spool() as spool:
        bare = spool.put(replace(RELEASE, wheels=WHEELS))
        assert bare.sdist is not None
        assert RELEASE.sdist is not None
        assert (bare.sdist.sha256, bare.sdist.size) == (RELEASE.sdist.sha256, RELEASE.sdist.size)
        assert spool.put(replace(RELEASE, wheels=WHEELS)) == bare


def test_a_release_without_an_sdist_and_one_after_the_end_stay_whole() -> None:
    """The first has nothing to leave out. The second comes from a thread that a stopped run did not wait for."""
    lost = replace(RELEASE, sdist=None)
    with Spool() as spool:
        assert spool.put(lost) == lost
        assert spool.whole(Job(TASK, lost)).release == lost
    assert spool.put(RELEASE) == RELEASE

"""The clock that is ahead, in real containers: what it shifts, and what it must leave alone."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from orchestrator.build.engine import Container, Engine
from orchestrator.build.variations import CLOCK_SHIFT
from tests.docker.containers import SCRATCH, run_inside

if TYPE_CHECKING:
    from orchestrator.model import Image

AHEAD = CLOCK_SHIFT
"""Seconds: the shift of the second build, more than a year."""

SLACK = 60
"""Seconds that a container may take between two looks at the clock."""


class Inside(Protocol):
    """Run a shell script in an image under a clock that is ahead; return what it printed."""

    def __call__(self, image: str, script: str, *, offset: int | None = AHEAD) -> str: ...


@pytest.fixture
def inside(engine: Engine, tmp_path: Path) -> Inside:
    """Run a script as the farm does; with no offset, nothing is mounted over the image's own clock."""

    def run(image: str, script: str, *, offset: int | None = AHEAD) -> str:
        tmp_path.chmod(0o755)  # the container's user is another
        (tmp_path / "clock").write_text(str(offset))
        (tmp_path / "sh").symlink_to("/bin/dash")
        mounts = [(str(Path(__file__).parent), "/tests")]
        if offset is not None:
            mounts.append((str(tmp_path), "/usr/lib/wheelproof"))
        container = Container(
            image=image,
            command=("/bin/sh", "-euc", script),
            user="2222:2222",
            workdir="/scratch",
            environment={"TMPDIR": "/scratch"},
            mounts=tuple(mounts),
            scratch=SCRATCH,
            seconds=120,
        )
        completed, printed = run_inside(engine, container)
        (tmp_path / "sh").unlink()
        assert completed.exit_code == 0, printed
        return printed

    return run


ASK_EVERY_CLOCK = """
date +%s
bash -c 'echo $EPOCHSECONDS'
perl -e 'print time, "\\n"'
python3 -c '
import datetime, time
print(time.time())
print(datetime.datetime.now().timestamp())
print(time.clock_gettime(time.CLOCK_REALTIME))
print(time.mktime(time.localtime()))
'
"""


@pytest.mark.parametrize("offset", [AHEAD, 0, None, -AHEAD])
def test_every_clock_is_ahead_by_the_offset(inside: Inside, image: Image, offset: int | None) -> None:
    """Shell, Perl and Python see one clock; with 0, or with nothing mounted, it is the real one."""
    printed = inside(image.id, ASK_EVERY_CLOCK, offset=offset).split()
    seen = [float(line) - time.time() - (offset or 0) for line in printed]
    assert len(seen) == 7
    assert max(map(abs, seen)) < SLACK


def test_only_the_time_of_day_is_ahead(inside: Inside, bookworm: Image) -> None:
    """Clocks that measure a span go on from the machine's start."""
    script = "python3 -c 'import time; print(time.monotonic(), time.clock_gettime(7), open(\"/proc/uptime\").read())'"
    monotonic, boottime, uptime, _ = map(float, inside(bookworm.id, script).split())
    assert abs(boottime - uptime) < SLACK
    assert abs(monotonic - time.monotonic()) < SLACK


def test_no_variable_shows_the_shift(inside: Inside, bookworm: Image) -> None:
    """A build that looks at its environment sees nothing of the shim."""
    assert inside(bookworm.id, "env") == inside(bookworm.id, "env", offset=0)


def test_each_call_that_is_stood_in_for(inside: Inside, image: Image) -> None:
    """Clocks, file times and waits of the C library: ahead where they should be, and they end in time."""
    printed = inside(image.id, f"gcc -O1 -Wall -o calls /tests/calls.c; ./calls {AHEAD}")
    assert printed.count(" ok\n") == len(printed.splitlines()) > 25


def test_waits_of_python_end_in_time(inside: Inside, image: Image) -> None:
    """Time-outs of threads, processes and polls last as long as requested."""
    script = """python3 -c '
import select, subprocess, threading, time
def timed(wait):
    began = time.monotonic()
    wait()
    print(time.monotonic() - began)
timed(lambda: threading.Event().wait(0.2))
condition = threading.Condition()
with condition:
    timed(lambda: condition.wait(0.2))
lock = threading.Lock()
lock.acquire()
timed(lambda: lock.acquire(timeout=0.2))
timed(lambda: time.sleep(0.2))
timed(lambda: select.select([], [], [], 0.2))
def process():
    try:
        subprocess.run(["sleep", "30"], timeout=0.2)
    except subprocess.TimeoutExpired:
        pass
timed(process)
'"""
    took = [float(line) for line in inside(image.id, script).split()]
    assert len(took) == 6
    assert all(0.15 < seconds < 10 for seconds in took)


def test_what_a_build_writes_is_as_new_as_its_clock(inside: Inside, image: Image) -> None:
    """A new file has the shifted time, in every call that reads it."""
    script = """
touch new
stat -c %Y new
ls -l --time-style=+%s new | cut -d' ' -f6
find new -printf '%T@\\n'
python3 -c '
import os
print(os.stat("new").st_mtime, os.lstat("new").st_ctime, os.fstat(os.open("new", os.O_RDONLY)).st_mtime)
print(next(os.scandir(".")).stat().st_mtime)
'
"""
    seen = [float(word) - AHEAD - time.time() for word in inside(image.id, script).split()]
    assert len(seen) == 7
    assert max(map(abs, seen)) < SLACK


def test_times_from_before_the_build_stay(inside: Inside, image: Image) -> None:
    """The sources' own times, and the image's, are what they are without the shim."""
    script = "touch -d @1500000000 old; stat -c '%Y %n' old /bin/ls /usr/include/stdio.h /tests/calls.c"
    ahead = inside(image.id, script)
    assert ahead == inside(image.id, script, offset=0)
    assert ahead.startswith("1500000000 old\n")


def test_a_copied_time_is_shifted_once(inside: Inside, image: Image) -> None:
    """cp, tar and touch hand a shifted time back to the kernel; it reads the same ever after."""
    script = """
echo something > new
touch -d @1500000000 old
mkdir copies
cp -p new old copies
tar -c new old | tar -x -C copies --transform 's/$/.tar/'
touch -r new copies/new.touched
python3 -c 'import shutil; shutil.copy2("new", "copies/new.python"); shutil.copy2("old", "copies/old.python")'
for name in new copies/new*; do stat -c %Y $name; done
for name in copies/old*; do stat -c %Y $name; done
"""
    seen = [int(line) for line in inside(image.id, script).split()]
    new, copies, old = seen[0], seen[1:5], seen[5:]
    assert abs(new - AHEAD - time.time()) < SLACK
    assert copies == [new] * 4
    assert old == [1500000000] * 3


def test_the_compiler_writes_the_shifted_date(inside: Inside, image: Image) -> None:
    """With no SOURCE_DATE_EPOCH, __DATE__ is the date of the build's clock."""
    before = time.strftime('"%b %e %Y"', time.gmtime(time.time() + AHEAD))
    printed = inside(image.id, "echo __DATE__ | TZ=UTC0 gcc -E -P -").strip()
    assert printed in {before, time.strftime('"%b %e %Y"', time.gmtime(time.time() + AHEAD))}


def test_make_sees_no_skew_and_builds_nothing_twice(inside: Inside, image: Image) -> None:
    """Old sources, what is made from them, and copies of it with their times: all in order."""
    script = """
printf 'int main(void) { return 0; }\\n' > main.c
touch -d @1500000000 main.c
printf 'all: program copy\\nprogram: main.o\\n\\tgcc -o $@ $<\\nmain.o: main.c\\n\\tgcc -c $<\\n' > Makefile
printf 'copy: program\\n\\tcp -p $< $@\\n' >> Makefile
make 2>&1
echo again
make 2>&1
"""
    first, again = inside(image.id, script).split("again\n")
    assert "skew" not in first + again
    assert first.count("gcc") == 2
    assert again == "make: Nothing to be done for 'all'.\n"


def test_rust_compiles_and_reads_the_shifted_clock(inside: Inside, rust: Image) -> None:
    """The compiler's threads and its memory maps get on with the shim; so does what it makes."""
    script = """
cat > main.rs <<'END'
use std::time::{Duration, SystemTime, UNIX_EPOCH};
fn main() {
    let thread = std::thread::spawn(|| std::thread::park_timeout(Duration::from_millis(50)));
    thread.join().unwrap();
    println!("{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
}
END
for codegen in 1 16; do rustc -O -C codegen-units=$codegen main.rs; ./main; done
"""
    seen = [int(line) - AHEAD - time.time() for line in inside(rust.id, script).split()]
    assert len(seen) == 2
    assert max(map(abs, seen)) < SLACK


def test_json_of_both_clocks_is_the_only_difference(inside: Inside, bookworm: Image) -> None:
    """What a build observes of itself is the same with the shim at 0 and ahead, but for the time."""
    script = """python3 -c '
import json, os, sys, sysconfig
print(json.dumps([dict(os.environ), sys.path, sys.flags, os.getcwd(), os.getuid(), os.umask(0), os.listdir("/"),
                  sysconfig.get_platform(), os.uname()[2:]], sort_keys=True))
'"""
    ahead, real = (json.loads(inside(bookworm.id, script, offset=offset)) for offset in (AHEAD, 0))
    assert ahead == real

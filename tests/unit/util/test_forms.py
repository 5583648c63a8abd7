"""A form is made once, however many threads need it at once."""

from __future__ import annotations

import threading
from dataclasses import make_dataclass
from typing import Any, cast

from orchestrator.util.forms import form

THREADS = 8


def test_threads_that_need_a_form_at_once_get_the_same_one() -> None:
    """Its type is new, with many fields, so that all threads ask before it is made."""
    kind = make_dataclass("Wide", [(f"field_{number}", "tuple[int, ...]") for number in range(500)])
    begin, found = threading.Barrier(THREADS), list[Any]()

    def ask() -> None:
        begin.wait()
        found.append(form(kind))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == THREADS
    assert {id(one) for one in found} == {id(found[0])}


def test_a_union_has_a_form() -> None:
    """It is no type, but helpers answer with one."""
    kind = cast("type[int | str]", int | str)
    assert form(kind).validate_python("a") == "a"
    assert form(kind) is form(kind)

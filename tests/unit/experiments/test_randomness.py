"""What is random in two texts is recognized by its form, and nothing else is called so."""

from __future__ import annotations

import pytest

from orchestrator.experiments.randomness import kind_of


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("id: 1b4e28ba-2fa1-4d2e-883f-0016d3cca427", "id: 6fa459ea-ee8a-4ca4-894e-db77e160355e", "identifier"),
        ("key = 5b1f0d2c9ae47310", "key = 88e0c41b7f02ad95", "identifier"),
        ("<object at 0x7f2c8c0a4d30>", "<object at 0x7fd1b5a1e4c0>", "address"),
        ("from /tmp/job-x1k2j3h4/a.c", "from /tmp/job-q9w8e7r6/a.c", "temporary name"),
        ("secret = 'q7Xw_91bZz0'", "secret = 'Zt0p_44kAa1'", "token"),
        ("took 0.123 s", "took 0.119 s", "duration"),
        ("finished in 12ms", "finished in 9ms", "duration"),
        ("pid = 4711", "pid = 4750", "counter"),
        ("lock = '/tmp/build.8.lock'", "lock = '/tmp/build.11.lock'", "counter"),
        ("SEED = 3065775706645834475", "SEED = 9478681952883326608", "number"),
        ("seed = 0.37753909884108894", "seed = 0.87633990815316300", "number"),
        ("elapsed_time: 0.5", "elapsed_time: 0.75", "duration"),
        (r"a: 0.059664s\nb: 59.6 ms", r"a: 0.020666s\nb: 20.6 ms", "duration"),
    ],
)
def test_each_kind_is_recognized(first: str, second: str, kind: str) -> None:
    """In both orders."""
    assert (kind_of(first, second), kind_of(second, first)) == (kind, kind)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("return False", " return False"),
        ("a = b", "b = a"),
        ("x = one", "x = two"),
        ("a.8.one", "a.8.two"),
        ("a.8.one", "a.9.two"),
        ("pid = 4711", "pid = 4711, 4712"),
        ("pid = 4711", "uid = 4712"),
        ("id 1b4e28ba-2fa1-4d2e-883f-0016d3cca427 of one", "id 6fa459ea-ee8a-4ca4-894e-db77e160355e of two"),
        ("mode = alphabet", "mode = commands"),
        ("…key = 5b1f0d2c9ae47310", "…key = 88e0c41b7f02ad95"),
        (r"task 2 done\ntask 8 done", r"task 8 done\ntask 2 done"),
        ("same", "same"),
        ("", "x"),
    ],
)
def test_other_differences_have_no_kind(first: str, second: str) -> None:
    """Neither words, nor a difference beside the random one, nor texts that were cut."""
    assert kind_of(first, second) == ""

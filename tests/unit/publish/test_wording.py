"""Sentences about failures, and the names of subjects."""

from __future__ import annotations

from orchestrator.model import (
    Aspect,
    CauseFinding,
    Difference,
    Failure,
    Missing,
    Phase,
    Reason,
    Severity,
    Unexplained,
    Want,
)
from orchestrator.publish import wording

NO_CARGO = Failure(Reason.NEEDS_RUST, Phase.BUILD_WHEEL, missing=(Missing(Want.TOOL, "cargo"),))


def test_folders_of_one_name_are_told_apart_by_their_paths() -> None:
    """Those with a name of their own, and releases of the index, keep the name alone."""
    subjects = (("src", "/a/src"), ("src", "/b/src"), ("other", "/c/other"), ("six", "six==1"), ("six", "six==2"))
    assert wording.told_apart(subjects) == ("src (/a/src)", "src (/b/src)", "other", "six", "six")
    assert wording.told_apart([("src", "/a/src"), ("src", "/a/src")]) == ("src", "src")


def test_the_image_that_has_what_is_missing_is_named_with_its_command() -> None:
    """The project is quoted, since it may be a path."""
    text = wording.help_with(NO_CARGO, "/my folder/x", ("rust", "rust-trixie"))
    assert text == (
        "It did not find the program cargo. The image rust has it: wheelproof run '/my folder/x' --image rust"
    )
    assert "image" not in wording.help_with(NO_CARGO)


def test_missing_history_is_not_mended_by_a_package() -> None:
    """The advice says so; other failures without missing things have none."""
    assert "installing git does not help" in wording.help_with(Failure(Reason.NEEDS_CHECKOUT, Phase.BUILD_WHEEL))
    assert not wording.help_with(Failure(Reason.BUILD_ERROR, Phase.BUILD_WHEEL))


def test_code_comes_before_the_content_of_a_renamed_member() -> None:
    """A renamed member is one difference, of presence; that is the severity of its content, too."""
    renamed = Difference("six-1.dist-info/METADATA", Aspect.PRESENCE, severity=Severity.METADATA)
    code = Difference("six.py", Aspect.CONTENT, severity=Severity.CODE)
    places = [Unexplained(one.path, Aspect.CONTENT) for one in (renamed, code)]
    assert [path for path, _, _ in wording.gathered(places, (renamed, code))] == [code.path, renamed.path]
    cause = CauseFinding("build-path", (code.path,))
    assert not wording.unexplained_first((cause,), places[:1], (renamed, code))
    assert wording.unexplained_first((cause,), (Unexplained("unknown.py", Aspect.CONTENT),), (renamed, code))

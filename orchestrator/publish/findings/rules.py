"""The kinds of findings. A finding's slug is its rule's; docs/findings.md has a chapter for each."""

from __future__ import annotations

from orchestrator.analysis.cautions import CAUTIONS
from orchestrator.publish.findings.model import Level, Rule

SENSITIVE = Rule(
    "sensitive",
    Level.WARNING,
    "The wheel depends on its environment: two builds in different environments gave different bytes.",
    "Change what the causes name, or build with the recipe, if there is one; `wheelproof explain` shows both.",
)
INTRINSIC = Rule(
    "intrinsic",
    Level.WARNING,
    "The wheel differs each time: two builds in one environment gave different bytes.",
    "Change what the causes name, or build with the recipe, if there is one; `wheelproof explain` shows both.",
)
WITH_RECIPE = Rule(
    "with-recipe",
    Level.NOTE,
    "The wheel is the same only if it is built by a recipe, which is proven by building.",
    "Build with the recipe that `wheelproof explain --recipe` prints, or have its causes removed upstream.",
)
FTBFS = Rule(
    "ftbfs",
    Level.ERROR,
    "The release fails to build from source.",
    "`wheelproof explain` shows the line of the log that has the reason; `wheelproof images suggest` looks for what "
    "is missing.",
)
UNSETTLED = Rule(
    "unsettled",
    Level.WARNING,
    "A build lost a process to a signal each time, which settles nothing about the release.",
    "Run again; the next run builds it again. If it is killed each time, give it more memory.",
)
NO_SDIST = Rule(
    "no-sdist",
    Level.WARNING,
    "The release was published without a source distribution, so nobody can build it again.",
    "Ask its maintainers to publish an sdist, or use a release that has one.",
)
CHANCE = Rule(
    "chance",
    Level.WARNING,
    "Another run with equal inputs gave another wheel or another verdict, so chance decides.",
    "Build it more often with `--again`, and compare the wheels of the runs: `wheelproof drift` names both.",
)
HELD = Rule(
    "variations-held",
    Level.NOTE,
    "The verdict does not cover all variations: the configuration keeps some the same in both builds.",
    "Remove them from `hold` and `remove` in the configuration to have them checked.",
)
REGRESSION = Rule(
    "regression",
    Level.WARNING,
    "A release got worse than it was in an earlier run, or than the last version of its project.",
    "Undo the change of the input that is named, or adapt the project to it; `wheelproof drift --prove` proves which "
    "input it is.",
)
PUBLISHED_DIFFERS = Rule(
    "published-differs",
    Level.WARNING,
    "The published wheel is not what its source gives: installed files differ.",
    "`wheelproof show` lists what differs; ask its publisher how it was built. `wheelproof verify --require` is a gate "
    "for published wheels.",
)
PUBLISHED_REGRESSION = Rule(
    "published-regression",
    Level.WARNING,
    "A published wheel, or the wheel of a new version, comes out worse than before when it is rebuilt.",
    "`wheelproof show` lists the outcomes; if the wheel differs from its source, ask its publisher how it was built.",
)
OPEN = Rule(
    "open",
    Level.ERROR,
    "There is no verdict, because the farm failed: nothing is known about the release.",
    "Repair what the message names, and run again.",
)
LEFT_OUT = Rule(
    "left-out",
    Level.NOTE,
    "The requirement was not checked on an image, because its marker does not apply there.",
    "Name an image to which the marker applies with `--image`.",
)
EXCLUDED = Rule(
    "excluded",
    Level.NOTE,
    "The project was not checked, because the configuration excludes it.",
    "`wheelproof exclusions` shows whether the exclusion is still needed; a project that is named on the command line "
    "is checked.",
)
NOTHING_CHECKED = Rule(
    "nothing-checked",
    Level.ERROR,
    "No release was checked, so a gate cannot pass.",
    "Name a release, a file with releases or a folder, or track projects in the configuration.",
)
OF_CAUTIONS = {caution.name: Rule(caution.name, Level.WARNING, caution.summary, caution.repair) for caution in CAUTIONS}

RULES = (
    SENSITIVE,
    INTRINSIC,
    WITH_RECIPE,
    FTBFS,
    UNSETTLED,
    NO_SDIST,
    CHANCE,
    *OF_CAUTIONS.values(),
    HELD,
    REGRESSION,
    PUBLISHED_DIFFERS,
    PUBLISHED_REGRESSION,
    OPEN,
    LEFT_OUT,
    EXCLUDED,
    NOTHING_CHECKED,
)

BY_SLUG = {rule.slug: rule for rule in RULES}

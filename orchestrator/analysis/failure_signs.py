"""Finds in a failed build's log why it failed, and what is missing. The log is written by the package.

Each sign is a known line of a tool. Its weight is `FATAL` if that line ends a build, `NOISE` if builds that
continue print it as well, and `VAGUE` if it shows only that something failed. The first fatal line decides;
a line after which the build continued is ignored. `LAST_WORDS` are an exception or a message at the end. A `HINT`
decides only where the last words report no more than a failed command, or are about the same.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from orchestrator.model import Missing, Reason, Want

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.model import Failure, Limits

EVIDENCE = 300  # characters
MOST_MISSING = 8
_LONGEST_LINE = 4000  # characters of a line that are searched; the rest is ignored
_BEFORE = 80  # characters of a long line that are shown before the match

_ESCAPES = re.compile(r"\x1b\[[0-9;:?]{0,20}[A-Za-z]")
_LINE_ENDS = re.compile(r"\r\n?")
_HEADING = re.compile(
    r"^(?P<indent> {0,40})(?:(?P<pip>\u2570\u2500> \[\d{1,9} lines of output\])|\[std(?:err|out)\]|--- std(?:err"
    r"|out))$",
    re.MULTILINE,
)
# A C compiler's error in a crate's build script.
_COMPILER_OF_CARGO = re.compile(
    r"^(?:cargo::?warning=|warning: [\w.+-]{1,80}@[\w.+-]{1,40}: )(?=[^\n]{1,600}fatal error: )"
)
_LONG = re.compile(rf"^([^\n]{{{_LONGEST_LINE}}})[^\n]+", re.MULTILINE)

# setuptools prints these when it begins its next step: an earlier failure was a trial, or optional.
_GOES_ON = re.compile(
    r"^(?:INFO:\w{1,40}:)?(?:running \w{1,40}$|(?:copying|creating|adding|writing|building|moving|linking) )",
    re.MULTILINE,
)

# Sources that a build tool writes as a test; if one does not compile, that is an answer, not an error.
_TRIALS = (
    r"(?:(?:[^\s:]{0,300}/)?(?:_?conftest|_configtest|testfile|try_?compile\w{0,20}|CMake[\w.-]{1,80}"
    r"|test\w{1,20}Compiler)"
    r"\.\w{1,4}|[^\s:]{0,200}/(?:CMakeScratch|CMakeTmp|meson-private)/[^\s:]{0,200}"
    r"|/(?:tmp|var)/(?:[^/\s:]{1,80}/)?(?:tmp/)?[^/\s:]{1,80}\.\w{1,4})"
)

# Modules that left the standard library: code that imports them was written for an older Python.
_LEFT_PYTHON = (
    "aifc|asynchat|asyncore|audioop|binhex|cgi|cgitb|chunk|crypt|distutils|formatter|imghdr|imp|lib2to3|mailcap|msilib"
    "|nis|nntplib|ossaudiodev|parser|pipes|smtpd|sndhdr|spwd|sunau|symbol|telnetlib|uu|xdrlib"
    "|ConfigParser|__builtin__|commands|cPickle|cStringIO|exceptions|Queue|StringIO|urllib2|urlparse"
)

# Modules that came into the standard library, and syntax that came into the language: code that uses them was
# written for a newer Python.
_NEW_PYTHON = "tomllib|zoneinfo|graphlib|compression|annotationlib"
_NEW_SYNTAX = (
    r"match [^\n=]{1,200}:$|type \w{1,80}(?:\[[^\n\]]{1,100}\])? = |except ?\*|(?:async )?def \w{1,80}\["
    r"|class \w{1,80}\["
)


class Weight(IntEnum):
    """How much a line proves; the lowest value weighs most."""

    FATAL = 0
    NOISE = 1
    VAGUE = 2
    LAST_WORDS = 3
    HINT = 4


@dataclass(frozen=True, slots=True)
class Sign:
    """A line that shows why a build failed; the group `name` of its pattern is the missing thing."""

    slug: str
    reason: Reason
    pattern: str  # begins with a line or a rare word, and is bounded: the log is hostile
    example: str  # a line from a real log
    wants: tuple[Want, ...] = ()  # what `name` is
    also: tuple[Missing, ...] = ()  # what is missing regardless of the line's text
    weight: Weight = Weight.FATAL


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a build failed, the line that shows it, and what was missing."""

    reason: Reason
    evidence: str = ""
    missing: tuple[Missing, ...] = ()
    sign: str = ""  # the slug of the sign that decided; empty if there was none


@dataclass(frozen=True, slots=True)
class _Hit:
    sign: Sign
    start: int
    end: int
    name: str


# Possessive: no backtracking over a name's lengths if the text after it does not match.
_NAME = r"(?P<name>[\w][\w.+-]{0,100}+)"
_NAME2, _NAME3 = _NAME.replace("name", "name2"), _NAME.replace("name", "name3")
_HEADER = r"(?P<name>[\w][\w./+-]{0,200}+)"
_QUOTE = r"[`'\"\u2018\u2019]"
_QUOTE_CLASS = "`'\"\u2018\u2019"
_GIT_REMOTE = "clone|fetch|pull|ls-remote"
_NO_DOWNLOAD = (
    r"(?:(?:Git|Mercurial|Subversion|SVN|[Hh]g) program not found, cannot download"
    r"|Automatic wrap-based subproject downloading is disabled)"
)
_PKG_CONFIG = (Missing(Want.TOOL, "pkg-config"),)
_OF_RUST = frozenset({"cargo", "rustc", "rustup"})
_RUST = (Missing(Want.TOOL, "rustc"), Missing(Want.TOOL, "cargo"))

SIGNS: tuple[Sign, ...] = (
    # --- limits that a tool notices first
    Sign(
        "no-space",
        Reason.OUT_OF_SPACE,
        r"No space left on device",
        "/usr/bin/ld: final link failed: No space left on device",
    ),
    Sign(
        "no-process",
        Reason.TOO_MANY_PROCESSES,
        r"^[^\n]{0,200}\b(?:fork|vfork|clone|posix_spawn)\b[^\n]{0,100}Resource temporarily unavailable",
        "gcc: fatal error: cannot execute 'cc1': vfork: Resource temporarily unavailable",
    ),
    Sign("no-thread", Reason.TOO_MANY_PROCESSES, r"can't start new thread", "RuntimeError: can't start new thread"),
    Sign(
        "no-memory",
        Reason.OUT_OF_MEMORY,
        r"virtual memory exhausted|Cannot allocate memory|^MemoryError\b|out of memory allocating \d{1,20} bytes"
        r"|LLVM ERROR: out of memory|^memory allocation of \d{1,20} bytes failed|what\(\):  ?std::bad_alloc",
        "cc1plus: out of memory allocating 65536 bytes after a total of 4128768 bytes",
    ),
    Sign(
        "compiler-killed",
        Reason.KILLED,
        r"fatal error: (?:Killed|Terminated) signal terminated program [^\s]{1,40}"
        r"|\bterminated (?:with|by) signal (?:9|15)\b|unable to execute command: (?:Killed|Terminated)",
        "g++: fatal error: Killed signal terminated program cc1plus",
    ),
    Sign(
        "program-killed",
        Reason.KILLED,
        r"\(signal: (?:9, SIGKILL|15, SIGTERM)\b|\bsignal: (?:killed|terminated)$"
        r"|\bdied with <Signals\.SIG(?:KILL|TERM)\b|\b(?:exit|return) ?(?:status|code):? (?:-9|-15|137|143)\b"
        r"|\bexited with (?:status|code):? (?:-9|-15|137|143)\b|\b(?:died due to|killed by) signal:? (?:9|15)\b",
        "error: command '/usr/bin/gcc' failed with exit code -9",
    ),
    Sign(
        "make-killed",
        Reason.KILLED,
        r"^g?make(?:\[\d{1,4}\])?: \*\*\* [^\n]{0,500} (?:Error (?:137|143)|Killed|Terminated)$",
        "make[2]: *** [CMakeFiles/a.dir/build.make:76: CMakeFiles/a.dir/a.c.o] Killed",
    ),
    Sign(
        "shell-killed",
        Reason.KILLED,
        r"^(?:[^\s:]{0,100}: (?:line )?\d{1,9}: {1,8}\d{1,9} )?(?:Killed|Terminated)(?: {2}[^\n]{0,300})?$",
        "/bin/sh: line 1:    12 Killed                  gcc -c a.c",
    ),
    # --- Rust: before the network, which is only used to fetch it
    Sign(
        "no-rust",
        Reason.NEEDS_RUST,
        r"can't find Rust compiler|^Rust not found, installing into a temporary directory"
        r"|Cargo, the Rust package manager, is not installed or is not on PATH|^Unable to find a cargo executable",
        "Rust not found, installing into a temporary directory",
        also=_RUST,
    ),
    Sign(
        "no-cargo",
        Reason.NEEDS_RUST,
        r"^error: (?:cargo|rustc) (?:was )?not found",
        "error: cargo not found",
        also=_RUST,
    ),
    Sign(
        "old-rust",
        Reason.NEEDS_RUST,
        r"requires rustc \d[\d.]{0,12} or newer, while the currently active rustc version|"
        r"^error: rustc \d[\d.]{0,12} is not supported by the following|"
        r"^ {0,4}feature `edition20\d\d` is required"
        r"|lock file version `?\d`? (?:requires `-Z|was found, but this version of Cargo does not understand)"
        r"|^ {0,4}this version of Cargo is older than the `20\d\d` edition",
        "  this version of Cargo is older than the `2024` edition, and only supports `2015` and `2018` editions.",
    ),
    Sign(
        "no-crate",
        Reason.MISSING_CRATE,
        r"^error: (?:failed to get `[\w-]{1,100}` as a dependency|no matching package named `[\w-]{1,100}` found"
        r"|failed to download (?:from )?`|failed to load source for dependency|unable to update registry"
        r"|failed to select a version for)|^ {0,8}failed to load source for dependency `"
        r"|attempting to make an HTTP request, but --offline was specified",
        "error: failed to get `pyo3` as a dependency of package `orjson v3.11.4 (/build/orjson-3.11.4)`",
    ),
    Sign(
        "build-script-no-tool",
        Reason.MISSING_TOOL,
        r"\bis `(?P<name>[\w.+-]{1,60})` not installed\?|Could not find `(?P<name2>protoc)`",
        "is `cmake` not installed?",
        wants=(Want.TOOL,),
    ),
    Sign(
        "build-script-no-pkg-config",
        Reason.MISSING_TOOL,
        r"The pkg-config command could not be (?:run|found)\b",
        "  The pkg-config command could not be found.",
        also=_PKG_CONFIG,
    ),
    Sign(
        "build-script-no-library",
        Reason.MISSING_PKG_CONFIG,
        rf"The system library `{_NAME}` required by crate `",
        "The system library `openssl` required by crate `openssl-sys` was not found.",
        wants=(Want.PKG_CONFIG,),
    ),
    Sign(
        "build-script-no-openssl",
        Reason.MISSING_HEADER,
        r"Could not find (?:directory of )?(?P<name>OpenSSL|openssl) (?:installation|via pkg-config)",
        "  Could not find directory of OpenSSL installation, and this `-sys` crate cannot",
        wants=(Want.DEPENDENCY,),
    ),
    # --- version control: a build here has no history, because neither an sdist nor a packed folder has one
    Sign(
        "no-version-from-scm",
        Reason.NEEDS_CHECKOUT,
        r"(?:setuptools-scm|setuptools_scm|vcs[-_]versioning) was unable to detect version"
        r"|Versioning for this project requires either an sdist tarball, or access to an upstream git repository"
        r"|Cannot find the version from SCM or SCM isn't detected|^versioningit could not find a version for"
        r"|^vcversioner: no VCS could be detected in|Unable to detect version control system\b"
        r"|This does not appear to be an? \w{1,20} project|^RuntimeError: Unable to find '(?:git|hg|svn|darcs|bzr"
        r"|fossil)' program",
        "LookupError: setuptools-scm was unable to detect version for /build/c0a0cb2e564b/pkg-1.0.",
    ),
    Sign(
        "no-repository",
        Reason.NEEDS_CHECKOUT,
        r"^git\.exc\.(?:InvalidGitRepositoryError|NoSuchPathError)\b|^ImportError: Bad git executable"
        r"|InvalidVersion: (?:Invalid version: )?['\"](?:fatal: not a git repository|/bin/sh: \d{1,3}: git: not found"
        r"|unknown['\"])",
        "git.exc.InvalidGitRepositoryError: /build/c0a0cb2e564b/pkg-1.0",
    ),
    Sign(
        "meson-dist",
        Reason.NEEDS_CHECKOUT,
        r"^Dist currently only works with Git or Mercurial repos",
        "Dist currently only works with Git or Mercurial repos",
    ),
    Sign(
        "git-fails",
        Reason.NEEDS_CHECKOUT,
        rf"Command [\[({_QUOTE_CLASS}]{{1,3}}(?:/[\w./-]{{1,100}}/)?git\b(?![^\n]{{0,100}}\b(?:{_GIT_REMOTE})\b)"
        r"[^\n]{0,300} returned non-zero exit status 128\b",
        "subprocess.CalledProcessError: Command '['git', 'describe', '--tags']' returned non-zero exit status 128.",
        weight=Weight.HINT,
    ),
    Sign(
        "make-git",
        Reason.NEEDS_CHECKOUT,
        r"^fatal: not a git repository[^\n]{0,200}\ng?make(?:\[\d{1,4}\])?: \*\*\* [^\n]{0,300}Error 128$",
        "fatal: not a git repository (or any of the parent directories): .git\n"
        "make: *** [Makefile:2: version.h] Error 128",
    ),
    Sign(
        "meson-git",
        Reason.NEEDS_CHECKOUT,
        r"ERROR: Program or command ['\"](?:git|hg|svn)['\"] not found"
        rf"|ERROR: Command `(?:/[\w./-]{{1,100}}/)?git\b(?![^\n]{{0,100}}\b(?:{_GIT_REMOTE})\b)"
        rf"[^\n]{{0,300}} failed with status 128\b",
        "../meson.build:1:27: ERROR: Program or command 'git' not found or not executable",
    ),
    # --- a download that is planned: what fetches it does not help
    Sign(
        "meson-fallback-download",
        Reason.NEEDS_NETWORK,
        rf"^Looking for a fallback subproject for the dependency {_NAME}\n(?:[^\n]{{0,300}}\n){{0,4}}?"
        rf"[^\n]{{0,300}}ERROR: {_NO_DOWNLOAD}",
        "Looking for a fallback subproject for the dependency foo\n\n"
        "../meson.build:2:2: ERROR: Git program not found, cannot download foo.wrap via git.",
        wants=(Want.PKG_CONFIG, Want.CMAKE),
    ),
    Sign(
        "meson-download",
        Reason.NEEDS_NETWORK,
        rf"ERROR: {_NO_DOWNLOAD}",
        "../meson.build:2:2: ERROR: Git program not found, cannot download foo.wrap via git.",
    ),
    Sign(
        "cmake-download",
        Reason.NEEDS_NETWORK,
        r"^ {0,4}(?:error: )?could not find (?:git|hg|svn) for (?:clone|fetch|checkout) of ",
        "  error: could not find git for clone of foo-populate",
    ),
    # --- a question: a build has no terminal, and its input is closed
    Sign(
        "end-of-input",
        Reason.NEEDS_ANSWER,
        r"^EOFError: EOF when reading a line|^ {4}raise EOFError\nEOFError$",
        "EOFError: EOF when reading a line",
    ),
    Sign(
        "licence-not-accepted",
        Reason.NEEDS_ANSWER,
        r"(?i:you have not accepted the licen[sc]e|licen[sc]es? (?:that )?(?:have|has) not been accepted"
        r"|did not accept the [\w-]{1,60} licen[sc]e|(?:licen[sc]e|eula)(?: agreement| terms)?(?: was"
        r"| is)? not accepted)",
        "user did not accept the mscorefonts-eula license",
    ),
    Sign(
        "licence-asked",
        Reason.NEEDS_ANSWER,
        r"(?i:^(?=[^\n]{0,300}\b(?:accept|agree))(?=[^\n]{0,300}(?:[\[(]\[?y\]?/n|[\[(]yes|yes/no"
        r"|\b(?:licen[sc]es?|eula|terms)\b[^\n]{0,40}\?))|you must (?:accept|agree to) the [^\n]{0,60}(?:licen[sc]e"
        r"|eula|terms))"
        r"|^(?:Do you want to continue\? \[Y/n\]|Proceed \(\[y\]/n\)\?)",
        "Do you accept the license terms? [yes|no]",
        weight=Weight.HINT,
    ),
    Sign(
        "not-a-repository",
        Reason.NEEDS_CHECKOUT,
        r"^(?:fatal|abort): (?:not a git repository|no repository found in)|^(?:/bin/)?(?:ba"
        r"|da)?sh: (?:line )?\d{1,9}: git: (?:command )?not found",
        "fatal: not a git repository (or any of the parent directories): .git",
        weight=Weight.HINT,
    ),
    # --- compilers and linkers
    Sign(
        "old-python-api",
        Reason.WRONG_PYTHON,
        rf"^(?!{_TRIALS}:)[^\s:][^:\n]{{0,300}}:\d{{1,7}}:\d{{1,7}}: (?:fatal error: longintrepr\.h: No such file"
        r"|error: [^\n]{0,20}_?Py\w{1,60}[^\n]{0,60} has no member named|error: unknown type name [^\n]Py\w)",
        "src/_foo.c:2:10: fatal error: longintrepr.h: No such file or directory",
    ),
    Sign(
        "no-header",
        Reason.MISSING_HEADER,
        rf"^(?!{_TRIALS}:)[^\s:][^:\n]{{0,300}}:\d{{1,7}}:\d{{1,7}}: fatal error: {_QUOTE}?{_HEADER}{_QUOTE}?"
        r"(?:: No such file or directory| file not found)",
        "src/pyaudio/device_api.c:9:10: fatal error: portaudio.h: No such file or directory",
        wants=(Want.HEADER,),
    ),
    Sign(
        "no-library",
        Reason.MISSING_LIBRARY,
        rf"\bld(?:\.\w{{1,10}})?: cannot find -l{_NAME}(?::|$)",
        "/usr/bin/ld: cannot find -lnosuchlib: No such file or directory",
        wants=(Want.LIBRARY,),
    ),
    # --- meson
    Sign(
        "meson-no-pkg-config",
        Reason.MISSING_TOOL,
        rf"ERROR: Dependency lookup for {_NAME} with method 'pkg-?config' failed: Pkg-config [^\n]{{0,80}}not found",
        "../cairo/meson.build:31:12: ERROR: Dependency lookup for cairo with method 'pkg-config' failed: "
        "Pkg-config for machine host machine not found. Giving up.",
        wants=(Want.PKG_CONFIG,),
        also=_PKG_CONFIG,
    ),
    Sign(
        "meson-no-dependency",
        Reason.MISSING_PKG_CONFIG,
        rf"ERROR: (?:Neither a subproject directory nor a )?Dependency \"{_NAME}\" not found",
        '../meson.build:98:13: ERROR: Dependency "geos" not found, tried pkgconfig and cmake',
        wants=(Want.PKG_CONFIG, Want.CMAKE),
    ),
    Sign(
        "meson-no-library",
        Reason.MISSING_LIBRARY,
        rf"ERROR: [\w+ ]{{1,20}}(?:shared or static |shared |static )?library '{_NAME}' not found",
        "meson.build:7:6: ERROR: C shared or static library 'nosuchlib' not found",
        wants=(Want.LIBRARY,),
    ),
    Sign(
        "meson-no-header",
        Reason.MISSING_HEADER,
        rf"ERROR: [\w+ ]{{1,20}}header '{_HEADER}' not found",
        "meson.build:7:6: ERROR: C header 'nosuch.h' not found",
        wants=(Want.HEADER,),
    ),
    Sign(
        "meson-no-program",
        Reason.MISSING_TOOL,
        rf"ERROR: Program ['\"]{_NAME}['\"][^\n]{{0,100}}not found",
        "meson.build:5:9: ERROR: Program 'swig' not found or not executable",
        wants=(Want.TOOL,),
    ),
    Sign(
        "meson-no-compiler",
        Reason.MISSING_TOOL,
        rf"ERROR: Unknown compiler\(s\): \[\[?'{_NAME}'",
        "../meson.build:1:0: ERROR: Unknown compiler(s): [['gfortran'], ['flang-new'], ['flang'], ['nvfortran']]",
        wants=(Want.TOOL,),
    ),
    # --- CMake: a fatal message is on its own line, below that of its place; others begin with "-- "
    Sign(
        "cmake-old-python",
        Reason.WRONG_PYTHON,
        r"^  Could NOT find Python3?(?:_[A-Z]{1,20})?: Found unsuitable version",
        '  Could NOT find Python: Found unsuitable version "3.11.2", but required is',
    ),
    Sign(
        "cmake-no-git",
        Reason.MISSING_TOOL,
        r"^  Could NOT find Git \(",
        "  Could NOT find Git (missing: GIT_EXECUTABLE)",
        also=(Missing(Want.TOOL, "git"),),
    ),
    Sign(
        "cmake-no-folder",
        Reason.MISSING_FILE,
        r"^CMake Error at [^\n]{1,300}\(add_subdirectory\):\n  (?:The source directory\n\n    "
        r"[^\n]{1,300}\n\n  does not contain"
        r"|add_subdirectory given source \"[^\"\n]{1,300}\" which is not an existing)",
        "CMake Error at CMakeLists.txt:3 (add_subdirectory):\n  The source directory\n\n    /build/third_party/foo\n\n"
        "  does not contain a CMakeLists.txt file.",
    ),
    Sign(
        "cmake-no-package",
        Reason.MISSING_CMAKE_PACKAGE,
        rf"^  Could NOT find {_NAME} \(?",
        "  Could NOT find JPEG (missing: JPEG_LIBRARY JPEG_INCLUDE_DIR)",
        wants=(Want.CMAKE, Want.DEPENDENCY),
    ),
    Sign(
        "cmake-no-config",
        Reason.MISSING_CMAKE_PACKAGE,
        r"^CMake Error at [^\n]{0,300}\n(?:[^\n]{0,300}\n){0,6}?[^\n\"]{0,200}"
        rf"provided(?: |\n {{1,9}})by(?: |\n {{1,9}})\"{_NAME}\"",
        'CMake Error at CMakeLists.txt:5 (find_package):\n  By not providing "FindQt5.cmake" in CMAKE_MODULE_PATH this '
        'project has\n  asked CMake to find a package configuration file provided by "Qt5", but',
        wants=(Want.CMAKE,),
    ),
    Sign(
        "cmake-no-module",
        Reason.MISSING_PKG_CONFIG,
        rf"^CMake Error at [^\n]{{0,200}}FindPkgConfig\.cmake:[^\n]{{0,100}}\n(?:[^\n]{{0,300}}\n){{0,6}}?"
        rf"   - {_NAME}",
        "CMake Error at /usr/share/cmake-3.25/Modules/FindPkgConfig.cmake:607 (message):\n"
        "  The following required packages were not found:\n\n   - dbus-1",
        wants=(Want.PKG_CONFIG,),
    ),
    Sign(
        "cmake-no-fortran",
        Reason.MISSING_TOOL,
        r"No CMAKE_Fortran_COMPILER could be found",
        "  No CMAKE_Fortran_COMPILER could be found.",
        also=(Missing(Want.TOOL, "gfortran"),),
    ),
    # --- missing tools
    Sign(
        "no-command",
        Reason.MISSING_TOOL,
        rf"error: command '{_NAME}' failed: No such file or directory",
        "the build backend called sys.exit(\"error: command 'swig' failed: No such file or directory\")",
        wants=(Want.TOOL,),
    ),
    Sign(
        "no-program",
        Reason.MISSING_TOOL,
        r"^ {0,8}raise child_exception_type\([^\n]{0,100}\)\n(?:[ ^~]{1,200}\n)?"
        rf"(?:FileNotFoundError|PermissionError): \[Errno \d{{1,9}}\] [\w ]{{1,40}}: '(?:/[^'\n]{{0,200}}/)?{_NAME}'",
        "    raise child_exception_type(errno_num, err_msg, err_filename)\n"
        "FileNotFoundError: [Errno 2] No such file or directory: 'icu-config'",
        wants=(Want.TOOL,),
    ),
    Sign(
        "no-config-program",
        Reason.MISSING_TOOL,
        r"\[Errno 2\] No such file or directory: '(?P<name>[\w.+]{1,60}[-_]config)'",
        "ConfigurationError: Could not run curl-config: [Errno 2] No such file or directory: 'curl-config'",
        wants=(Want.TOOL,),
    ),
    Sign(
        "status-127",
        Reason.MISSING_TOOL,
        rf"Command '?\[?'{_NAME}[^\n]{{0,300}} returned non-zero exit status 127",
        "subprocess.CalledProcessError: Command 'krb5-config --libs gssapi' returned non-zero exit status 127.",
        wants=(Want.TOOL,),
    ),
    Sign(
        "no-executable",
        Reason.MISSING_TOOL,
        rf"(?i:could not find|can ?not find|couldn't find|unable to find) {_QUOTE}?{_NAME}{_QUOTE}? executable"
        rf"|^Error: (?P<name2>[\w.+-]{{1,60}}) executable not found",
        "Could not find `dot` executable!",
        wants=(Want.TOOL,),
    ),
    Sign(
        "command-not-installed",
        Reason.MISSING_TOOL,
        rf"The {_QUOTE}{_NAME}{_QUOTE} (?:command|program|tool|executable) "
        r"(?:appears not to be|is not|was not|could not be) (?:installed|found|available)",
        "RuntimeError: The 'apxs' command appears not to be installed or is not executable.",
        wants=(Want.TOOL,),
    ),
    Sign(
        "make-no-command",
        Reason.MISSING_TOOL,
        rf"^make(?:\[\d{{1,9}}\])?: {_NAME}: (?:No such file or directory|Command not found)",
        "make[1]: bison: No such file or directory",
        wants=(Want.TOOL,),
    ),
    Sign(
        "no-qmake",  # of sip, which does not print its own message
        Reason.MISSING_TOOL,
        r"^ {0,8}raise PyProjectOptionException\('qmake',",
        "    raise PyProjectOptionException('qmake',",
        also=(Missing(Want.TOOL, "qmake"),),
    ),
    Sign(
        "no-pkg-config",
        Reason.MISSING_TOOL,
        r"pkg-config (?:probably not installed|binary is required|is (?:not installed|required|missing)|not found)"
        r"|Unable to invoke pkg-config|install pkg-config|requires pkg-config",
        "the build backend called sys.exit('error: Unable to invoke pkg-config.')",
        also=_PKG_CONFIG,
    ),
    Sign(
        "no-fortran",
        Reason.MISSING_TOOL,
        r"no Fortran compiler found|don't know how to compile Fortran code",
        "error: library npymath has Fortran sources but no Fortran compiler found",
        also=(Missing(Want.TOOL, "gfortran"),),
    ),
    # --- libraries that a package's script looks for
    Sign(
        "pillow-no-dependency",
        Reason.MISSING_HEADER,
        rf"^The headers or library files could not be found for {_NAME},",
        "The headers or library files could not be found for jpeg,",
        wants=(Want.DEPENDENCY,),
    ),
    Sign(
        "no-development-headers",
        Reason.MISSING_HEADER,
        rf"install {_NAME} development headers|[Dd]id not find {_NAME2} (?:version \d{{1,9}} )?headers",
        "You need to install libcap development headers to build this module",
        wants=(Want.DEPENDENCY,),
    ),
    Sign(
        "development-packages",
        Reason.MISSING_LIBRARY,
        rf"make sure the {_NAME}(?: and (?P<name2>[\w.+-]{{1,60}}))? development packages are installed",
        "Error: Please make sure the libxml2 and libxslt development packages are installed.",
        wants=(Want.DEPENDENCY,),
    ),
    # --- Python
    Sign(
        "old-python-module",
        Reason.WRONG_PYTHON,
        rf"^(?:ModuleNotFoundError|ImportError): No module named '?(?:{_LEFT_PYTHON})\b",
        "ModuleNotFoundError: No module named 'imp'",
    ),
    Sign(
        "old-python-syntax",
        Reason.WRONG_PYTHON,
        r"^SyntaxError: (?:Missing parentheses in call to '(?:print|exec)'|multiple exception types must be"
        r" parenthesized|leading zeros in decimal integer literals|invalid hexadecimal literal)",
        "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?",
    ),
    Sign(
        "requires-python",
        Reason.WRONG_PYTHON,
        r"requires (?:a )?(?:different )?Python(?: version)?:? ?['\"]?(?:[<>=!~]=?|\d)"
        r"|[Pp]ython (?:version )?(?:>=|<) ?\d\.\d{1,9}(?:\.\d{1,9})? (?:is )?required|only supports? Python \d",
        "ERROR: Package 'sin' requires a different Python: 3.11.2 not in '>=3.12'",
    ),
    Sign(
        "unsupported-python",
        Reason.WRONG_PYTHON,
        r"Cannot install on Python version \d|Python \d\.\d{1,9}(?:\.\d{1,9})? is not supported"
        r"|the configured Python interpreter version \(3\.\d{1,9}\) is newer than PyO3's maximum supported version",
        "error: the configured Python interpreter version (3.13) is newer than PyO3's maximum supported version (3.12)",
    ),
    Sign(
        "newer-python-module",
        Reason.WRONG_PYTHON,
        rf"^(?:ModuleNotFoundError|ImportError): No module named '?(?:{_NEW_PYTHON})\b[^\n]{{0,100}}"
        r"(?!\n\nDuring handling of the above exception)$",
        "ModuleNotFoundError: No module named 'tomllib'",
    ),
    Sign(
        "newer-python-name",
        Reason.WRONG_PYTHON,
        r"^ImportError: cannot import name '(?:"
        r"(?:override|TypeAliasType|Self|assert_never|assert_type|Never|LiteralString|NotRequired|Required|Unpack"
        r"|TypeVarTuple"
        r"|reveal_type|dataclass_transform|ParamSpec|TypeAlias|TypeGuard|TypeIs|Concatenate|ReadOnly|NoDefault"
        r"|get_protocol_members)"
        r"' from 'typing'|(?:batched|pairwise)' from 'itertools'|(?:StrEnum|EnumType|verify|ReprEnum)' from 'enum'"
        r"|UTC' from 'datetime'|(?:chdir)' from 'contextlib'|(?:Buffer)' from 'collections\.abc')"
        r"|^AttributeError: module '(?:typing' has no attribute '(?:override|Self|assert_never|TypeAliasType)"
        r"|itertools' has no"
        r" attribute '(?:batched|pairwise)|enum' has no attribute 'StrEnum|datetime' has no attribute 'UTC)'",
        "ImportError: cannot import name 'override' from 'typing' (/usr/lib/python3.11/typing.py)",
    ),
    Sign(
        "left-python-name",
        Reason.WRONG_PYTHON,
        r"^ImportError: cannot import name '(?:(?:Mapping|MutableMapping|Sequence|MutableSequence|Iterable|Iterator"
        r"|Callable|Set"
        r"|MutableSet|Hashable|Sized|Container)' from 'collections'|(?:getargspec|formatargspec)' from 'inspect'"
        r"|(?:izip|imap|ifilter|izip_longest)' from 'itertools'|(?:quote|urlencode|urlopen|urlretrieve)' from 'urllib'"
        r"|gcd' from 'fractions')|^AttributeError: (?:module '(?:inspect' has no attribute '(?:getargspec"
        r"|formatargspec)"
        r"|configparser' has no attribute 'SafeConfigParser|pkgutil' has no attribute 'ImpImporter"
        r"|time' has no attribute 'clock"
        r"|collections' has no attribute '(?:Mapping|MutableMapping|Sequence|Iterable|Callable|Hashable)"
        r"|platform' has no attribute '(?:linux_distribution|dist)|string' has no attribute '(?:maketrans|letters"
        r"|lowercase)"
        r"|sys' has no attribute 'maxint|asyncio' has no attribute 'coroutine|base64' has no attribute '(?:encode"
        r"|decode)string"
        r"|os' has no attribute '(?:getcwdu|errno)|ast' has no attribute '(?:Str|Num|Bytes|NameConstant|Ellipsis)"
        r"|locale' has no attribute 'format)'|'dict' object has no attribute '(?:has_key|iteritems|itervalues"
        r"|iterkeys)'"
        r"|'\w{0,20}ConfigParser' object has no attribute 'readfp')|^NameError: name '(?:unicode|basestring|execfile"
        r"|raw_input"
        r"|xrange|unichr|long)' is not defined",
        "AttributeError: module 'inspect' has no attribute 'getargspec'",
    ),
    Sign(
        "newer-python-syntax",
        Reason.WRONG_PYTHON,
        rf"^ {{2,8}}File \"[^\"\n]{{1,300}}\", line \d{{1,7}}[^\n]{{0,100}}\n {{4,12}}(?:{_NEW_SYNTAX})[^\n]{{0,300}}\n"
        r"(?: [ ~^]{1,300}\n)?SyntaxError: |^SyntaxError: (?:f-string expression part cannot include"
        r"|f-string: unmatched '[\[(]')",
        '  File "<string>", line 2\n    type X = int\n         ^\nSyntaxError: invalid syntax',
    ),
    Sign(
        "needs-python",
        Reason.WRONG_PYTHON,
        r"(?:^[\w.]{0,100}(?:Error|Exception): |^[Ss]orry,? |\b(?:ERROR|error|Error): |sys\.exit(?:\("
        r"|: )['\"])[^\n]{0,150}?"
        r"(?:(?:[Rr]equire|[Nn]eed|only works|work only|at least)[^\n]{0,40}\b[Pp]ython[ =<>~v]{1,5}3?\.?\d"
        r"|\b[Pp]ython[^\w\n]{1,5}(?:version )?(?:[<>=]{1,2} ?)?\d\.\d{1,2}[^\n]{0,40}\b(?:required|needed|(?:not"
        r"|un)supported|not supported)"
        r"|[Uu]nsupported [Pp]ython version)",
        "AssertionError: This needs Python 3.12+",
    ),
    Sign(
        "no-module",
        Reason.MISSING_BUILD_REQUIREMENT,
        r"^(?:ModuleNotFoundError|ImportError): No module named '?(?P<name>\w{1,100})",
        "ModuleNotFoundError: No module named 'numpy'",
        wants=(Want.PYTHON_MODULE,),
    ),
    Sign(
        "setup-requires",
        Reason.MISSING_BUILD_REQUIREMENT,
        rf"Could not find suitable distribution for Requirement\.parse\('{_NAME}",
        "distutils.errors.DistutilsError: Could not find suitable distribution for Requirement.parse('cffi>=1.0')",
    ),
    # --- lines after which builds may continue
    Sign(
        "no-network",
        Reason.NEEDS_NETWORK,
        r"Temporary failure in name resolution|Name or service not known|Could not resolve(?: host|:)"
        r"|Network is unreachable|Failed to establish a new connection|NameResolutionError"
        r"|WrapDB[^\n]{0,200}is the internet available|nodename nor servname provided",
        "fatal: unable to access 'https://example.org/x.git/': Could not resolve host: example.org",
        weight=Weight.NOISE,
    ),
    Sign(
        "shell-no-command",
        Reason.MISSING_TOOL,
        rf"^(?:/bin/)?(?:ba|da)?sh: (?:line )?\d{{1,9}}: {_NAME}: (?:command )?not found",
        "/bin/sh: 1: pg_config: not found",
        wants=(Want.TOOL,),
        weight=Weight.NOISE,
    ),
    Sign(
        "pkg-config-no-module",
        Reason.MISSING_PKG_CONFIG,
        rf"No package '{_NAME}' found|^Package {_NAME2} was not found in the pkg-config search path"
        rf"|Package '{_NAME3}', required by 'virtual:world', not found",
        "No package 'dbus-1' found",
        wants=(Want.PKG_CONFIG,),
        weight=Weight.NOISE,
    ),
    Sign(
        "pkg-config-asked",
        Reason.MISSING_PKG_CONFIG,
        rf"'?pkg-config (?:--[\w-]{{1,30}} ){{1,4}}{_NAME}' returned non-zero exit status",
        "Command 'pkg-config --exists mariadb' returned non-zero exit status 1.",
        wants=(Want.PKG_CONFIG,),
        weight=Weight.NOISE,
    ),
    # --- lines that show only that something failed
    Sign(
        "no-git-folder",
        Reason.NEEDS_CHECKOUT,
        r"^(?:error: |FileNotFoundError: )\[Errno 2\] No such file or directory: '(?:[^'\n]{0,200}/)?\.(?:git|hg"
        r"|svn)(?:/[^'\n]{0,100})?'",
        "FileNotFoundError: [Errno 2] No such file or directory: '.git/HEAD'",
        weight=Weight.VAGUE,
    ),
    Sign(
        "no-file",
        Reason.MISSING_FILE,
        r"^(?:error: |FileNotFoundError: )\[Errno 2\] No such file or directory: '[^'\n]{1,300}'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'requirements.txt'",
        weight=Weight.VAGUE,
    ),
    Sign(
        "compiler-error",
        Reason.BUILD_ERROR,
        rf"^(?!{_TRIALS}:)[^\s:][^:\n]{{0,300}}:\d{{1,7}}:(?:\d{{1,7}}:)? (?:fatal )?error: ",
        "src/_foo.c:12:5: error: too few arguments to function 'PyCode_New'",
        weight=Weight.VAGUE,
    ),
    Sign(
        "linker-error",
        Reason.BUILD_ERROR,
        r"undefined reference to [`']",
        "foo.c:(.text+0x5): undefined reference to `bar'",
        weight=Weight.VAGUE,
    ),
    Sign(
        "rust-error",
        Reason.BUILD_ERROR,
        r"^error(?:\[E\d{1,5}\])?: (?!subprocess-exited-with-error|metadata-generation-failed)",
        "error: linker `cc` not found",
        weight=Weight.VAGUE,
    ),
    Sign(
        "meson-error",
        Reason.BUILD_ERROR,
        r"^[^\s:][^:\n]{0,300}:\d{1,7}:\d{1,7}: ERROR: ",
        '../meson.build:1:0: ERROR: Value "c++20" for option "cpp_std" is not one of the choices.',
        weight=Weight.VAGUE,
    ),
    Sign(
        "cmake-error",
        Reason.BUILD_ERROR,
        r"^CMake Error at [^\n]{0,300}:\n(?P<shown>  [^\n]{1,300})",
        "CMake Error at CMakeLists.txt:5 (message):\n  Something is wrong",
        weight=Weight.VAGUE,
    ),
    Sign(
        "configure-error",
        Reason.BUILD_ERROR,
        r"^configure: error: ",
        "configure: error: GNU MP not found, see https://gmplib.org/",
        weight=Weight.VAGUE,
    ),
    Sign(
        "cython-error",
        Reason.BUILD_ERROR,
        r"^[^\s:][^:\n]{0,300}\.p(?:yx|xd|xi):\d{1,7}:\d{1,7}: ",
        "x.pyx:1:11: Expected an identifier",
        weight=Weight.VAGUE,
    ),
    Sign(
        "maturin-error",
        Reason.BUILD_ERROR,
        r"^\U0001f4a5 maturin failed\n(?P<shown>  Caused by: [^\n]{1,300})",
        "\U0001f4a5 maturin failed\n  Caused by: pyproject.toml at /build/pkg-1.0/pyproject.toml is invalid",
        weight=Weight.VAGUE,
    ),
    Sign(
        "exception",
        Reason.BUILD_ERROR,
        r"^(?:\w{1,60}\.){0,6}\w{0,60}(?:Error|Exception|Failure)(?:: ?[^\s]|$)",
        "ValueError: Did not find netCDF",
        weight=Weight.LAST_WORDS,
    ),
    Sign(
        "exit",
        Reason.BUILD_ERROR,
        r"^the build backend called sys\.exit(?:\(|: )['\"]",
        "the build backend called sys.exit('error: it cannot be built')",
        weight=Weight.LAST_WORDS,
    ),
)
"""All signs, specific ones before general ones: of two at one place the first counts."""

# A process was lost, by a signal or by its own fault.
_LOST = re.compile(r"process pool was terminated abruptly|\bBrokenProcessPool\b")

# Last words that report only that a command failed, whose own messages come before.
_WRAPPER = re.compile(
    r"\bCalledProcessError\b|^Error: command \[|\berror in setup command\b|\bBackendUnavailable\b"
    r"|\bDistutilsExecError\b"
    r"|\bCompileError\b|\bLinkError\b|error: command '|\bExecError\b|\bSystemExit\b|\bSubprocessError\b"
)
_ABOUT = {
    Reason.NEEDS_CHECKOUT: re.compile(
        r"(?i)\b(?:git|hg|vcs|scm|tags?|version|revision|commit|checkout|repository|describe)\b"
    ),
    Reason.NEEDS_ANSWER: re.compile(
        r"(?i)\b(?:licen[sc]e|eula|accept|agree|terms|answer|prompt|EOF|EOFError|abort(?:ed)?)\b"
    ),
}

_NEAR = 12  # lines that may follow a hint that no last words follow

_CALLS = frozenset(
    {"no-program", "no-command", "status-127", "no-executable", "make-no-command", "command-not-installed"}
)
_VERSION_CONTROL = frozenset({"git", "hg", "svn", "bzr", "fossil", "darcs"})
_CALLED = r"\bgit['\"]?,? ['\"]?(?:-[\w-]{1,30}['\"]?,? ['\"]?)?"
_FETCHES = re.compile(_CALLED + rf"(?:{_GIT_REMOTE})\b")
_WORKS_ON_FILES = re.compile(_CALLED + r"(?:apply|init|am|diff)\b")

_COMPILED = tuple((sign, re.compile(sign.pattern, re.MULTILINE)) for sign in SIGNS)


def explain(log: str) -> Explanation:
    """Explain from the end of a log why the build failed; a log without signs is a plain build error."""
    text = _plain(log)
    hits = _hits(text)
    if not hits:
        return Explanation(Reason.BUILD_ERROR)
    cause = _deciding(text, hits)
    if cause is None:
        return Explanation(Reason.BUILD_ERROR)
    evidence = _evidence(text, cause)
    if cause.sign.slug in _CALLS and cause.name in _VERSION_CONTROL:
        return _of_version_control(text, cause, evidence)
    if cause.sign.wants == (Want.TOOL,) and cause.name in _OF_RUST:
        return Explanation(Reason.NEEDS_RUST, evidence, _RUST, cause.sign.slug)
    return Explanation(cause.sign.reason, evidence, _missing(cause, hits), cause.sign.slug)


def killed(log: str, *, went_well: bool = False) -> str:
    """Return the first line of a log that reports a process as ended by SIGKILL or SIGTERM; empty if none does.

    A build that succeeded nevertheless may lack the output of that process. For such a build, the shell's
    message is not enough: a script may end its helpers.
    """
    text = _plain(log)
    hits = [
        _Hit(sign, match.start(), match.end(), "")
        for sign, pattern in _COMPILED
        if sign.reason is Reason.KILLED and not (went_well and sign.slug == "shell-killed")
        for match in pattern.finditer(text)
    ]
    return _evidence(text, min(hits, key=lambda hit: hit.start)) if hits else ""


def lost(log: str) -> str:
    """Return the line of a log that reports a lost worker process, for any reason; empty if there is none."""
    text = _plain(log)
    match = _LOST.search(text)
    return printable(text[text.rfind("\n", 0, match.start()) + 1 : match.end()]) if match else ""


def explain_file(log: Path, sizes: tuple[int, ...]) -> Explanation:
    """Explain a failure from growing ends of its log, of these sizes in bytes, until one shows a specific reason."""
    explanation = Explanation(Reason.BUILD_ERROR)
    with log.open("rb") as stream:
        whole = stream.seek(0, os.SEEK_END)
        for size in sizes:
            stream.seek(max(0, whole - size))
            explanation = explain(stream.read(size).decode("utf-8", "replace"))
            if explanation.reason is not Reason.BUILD_ERROR or whole <= size:
                break
    return explanation


def of_limit(limit: Reason, limits: Limits) -> str:
    """Describe the limit that a build exceeded, which no line of its log shows."""
    return {
        Reason.TIME_OUT: f"the build was ended after {limits.seconds} seconds",
        Reason.OUT_OF_MEMORY: f"the build used more than {limits.memory} bytes of memory, its files counted in",
        Reason.OUT_OF_SPACE: f"the build filled a scratch space of {limits.scratch} bytes",
        Reason.TOO_MANY_PROCESSES: f"the build was refused more than {limits.processes} processes at once",
        Reason.TOO_MUCH_OUTPUT: f"the build printed more than {limits.log} bytes",
        Reason.KILLED: "a process of the build was ended by a signal, and no limit accounts for it",
        Reason.BROKEN_CHANNEL: "the build interfered with the process that reports its outcome",
    }.get(limit, "")


def with_evidence(failure: Failure) -> Failure:
    """Give a failure without a sign the most informative line of its detail as evidence.

    For an error of uv, that is the reason below the headline; for a log, its last line.
    """
    if failure.evidence:
        return failure
    lines = [line for line in failure.detail.splitlines() if line.strip()]
    lines = lines[-1:] if failure.reason is Reason.BUILD_ERROR else lines
    telling = [line for line in lines if "Because " in line]
    return replace(failure, evidence=printable((telling or lines or [""])[0]))


def printable(text: str) -> str:
    """Return a package's text as one line: without control characters, and cut."""
    plain = "".join(one if one.isprintable() else " " for one in _ESCAPES.sub("", text[: 4 * EVIDENCE]))
    return " ".join(plain.split())[:EVIDENCE]


def _plain(log: str) -> str:
    return _without_indentation(_LONG.sub(r"\1", _LINE_ENDS.sub("\n", _ESCAPES.sub("", log))))


def _without_indentation(text: str) -> str:
    """Remove the indentation that pip, uv and cargo give to the output of a command that they ran.

    Such a block begins below its heading, and ends with a line that is indented less.
    """
    if not _HEADING.search(text):
        return text
    indent, lines = 0, []
    for line in text.split("\n"):
        if line.strip() and not line.startswith(" " * indent):
            indent = 0
        inner = _COMPILER_OF_CARGO.sub("", line[indent:])
        lines.append(inner)
        if heading := _HEADING.match(line):
            indent = heading.end("indent") + (len("    ") if heading["pip"] else 0)
    return "\n".join(lines)


def _hits(text: str) -> list[_Hit]:
    """Find all signs after which the build did not continue, in the order of the text."""
    steps = [step.start() for step in _GOES_ON.finditer(text)]
    since = steps[-1] if steps else -1
    hits = [
        _Hit(sign, match.start(), match.end(), name)
        for sign, pattern in _COMPILED
        for match in pattern.finditer(text, max(since, 0))
        for name in _names(match)
    ]
    return sorted(hits, key=lambda hit: hit.start)


def _deciding(text: str, hits: list[_Hit]) -> _Hit | None:
    """Return the hit that decides: a hint only at the end, or in the place of last words that add nothing to it."""
    first = min(hits, key=_precedence)
    if first.sign.weight is Weight.HINT:
        return hits[-1] if text.count("\n", hits[-1].end) <= _NEAR else None
    if first.sign.weight is not Weight.LAST_WORDS:
        return first
    words = _evidence(text, first)
    hints = [hit for hit in hits if hit.sign.weight is Weight.HINT and hit.start <= first.end]
    if hints and (_WRAPPER.search(words) or _ABOUT[hints[-1].sign.reason].search(words)):
        return hints[-1]
    own = [hit for hit in hits if hit.sign.weight is Weight.LAST_WORDS and not _WRAPPER.search(_evidence(text, hit))]
    return own[-1] if own and _WRAPPER.search(words) else first


def _of_version_control(text: str, cause: _Hit, evidence: str) -> Explanation:
    """Explain that a program of version control is missing, by what the build would have called it for.

    Its history, or a network to clone from, would be missing with the program too.
    """
    if _WORKS_ON_FILES.search(text):
        return Explanation(Reason.MISSING_TOOL, evidence, _of(cause), cause.sign.slug)
    reason = Reason.NEEDS_NETWORK if _FETCHES.search(text) else Reason.NEEDS_CHECKOUT
    return Explanation(reason, evidence, (), cause.sign.slug)


def _names(match: re.Match[str]) -> tuple[str, ...]:
    named = match.groupdict()
    return tuple(text for key, text in named.items() if key.startswith("name") and text) or ("",)


def _precedence(hit: _Hit) -> tuple[int, int, int]:
    """Order hits by weight, then by place: the first wins, but of last words the last."""
    order = SIGNS.index(hit.sign)
    place = -hit.start if hit.sign.weight is Weight.LAST_WORDS else hit.start
    return hit.sign.weight, place, order


def _evidence(text: str, hit: _Hit) -> str:
    """Return the line that shows the sign: the last that the match covers."""
    last = text.rfind("\n", hit.start, hit.end - 1) + 1
    begin = text.rfind("\n", 0, max(hit.start, last)) + 1
    end = text.find("\n", hit.end)
    shown = max(hit.start, last) - _BEFORE
    return printable(text[max(begin, shown if shown - begin > _BEFORE else begin) : end if end >= 0 else len(text)])


def _missing(cause: _Hit, hits: list[_Hit]) -> tuple[Missing, ...]:
    """List what is missing by the deciding sign, and by other hits of that sign."""
    kin = [hit for hit in hits if hit.sign is cause.sign]
    if Missing(Want.TOOL, "pkg-config") in _of(cause):  # then its modules are missing too
        kin += [hit for hit in hits if hit.sign.wants == (Want.PKG_CONFIG,)]
    return tuple(dict.fromkeys(one for hit in (cause, *kin) for one in _of(hit)))[:MOST_MISSING]


def _of(hit: _Hit) -> tuple[Missing, ...]:
    return (*hit.sign.also, *(Missing(want, hit.name) for want in hit.sign.wants if hit.name))

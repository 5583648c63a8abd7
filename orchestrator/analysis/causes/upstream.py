"""What each party changes so that a cause goes away for everybody: the texts of reports, for each cause."""

from __future__ import annotations

from orchestrator.analysis.causes.model import Party, UpstreamAdvice


def project(
    change: str, *, variations: tuple[str, ...] = (), backends: tuple[str, ...] = (), shown: tuple[str, ...] = ()
) -> UpstreamAdvice:
    """Return what the project itself changes."""
    return UpstreamAdvice(Party.PROJECT, change, variations=variations, backends=backends, shown=shown)


def backend(change: str, *known: str, backends: tuple[str, ...] = ()) -> UpstreamAdvice:
    """Return what the project's build backend changes, and the issues about it."""
    return UpstreamAdvice(Party.BACKEND, change, known=known, backends=backends)


def tool(
    name: str, change: str, *known: str, shown: tuple[str, ...] = (), backends: tuple[str, ...] = ()
) -> UpstreamAdvice:
    """Return what another tool changes, and the issues about it."""
    return UpstreamAdvice(Party.TOOL, change, name, known, backends, shown=shown)


def planted(change: str) -> tuple[UpstreamAdvice, ...]:
    """Return what the project changes where it writes a value of its build's environment."""
    return (project(f"{change} A wheel is installed on other machines, so the value is wrong there."),)


_SETUPTOOLS = ("setuptools",)
_MESON = ("meson-python",)
_SCIKIT = ("scikit-build-core",)
_RUST = ("maturin",)

_SORT_SET = (
    "Sort the set before it is written, for instance in setup.py: `keywords=sorted(KEYWORDS)`, or "
    '`install_requires=sorted(requirements)`, `"\\n".join(sorted(names))` in a generator. A `dict` or a list keeps its '
    "order and needs nothing."
)
_SORT_LISTING = (
    "Sort the listing where it is made: `sorted(glob.glob(...))`, `sorted(os.listdir(...))`, `sorted(path.iterdir())`, "
    "and `dirs.sort()` in a loop over `os.walk`."
)
_SORT_LOCALE = (
    "Sort by code points, as Python's `sorted` does without a key; run other programs with `LC_ALL=C.UTF-8` in their "
    "environment."
)
_SORT_PARALLEL = "Sort what parallel steps give before it is used, instead of using it in the order in which they end."

_BY_SET = project(_SORT_SET, variations=("hash-seed",))
_BY_LISTING = project(_SORT_LISTING, variations=("fileordering",))
_BY_LOCALE = project(_SORT_LOCALE, variations=("locales",))
_BY_PARALLEL = project(_SORT_PARALLEL, variations=("num-cpus",))
_ORDERS = (_BY_SET, _BY_LISTING, _BY_LOCALE, _BY_PARALLEL)

# --- the archive -----------------------------------------------------------------------------

ARCHIVE_TIMES = (
    backend(
        "Give all members of the wheel one fixed time where SOURCE_DATE_EPOCH is not set, as hatchling does, instead "
        "of the times of the files. A time is converted with `time.gmtime`, not "
        "`time.localtime`.",
        "pypa/wheel#248",
        backends=_SETUPTOOLS,
    ),
    project(
        "Set `wheel.reproducible = true` under `[tool.scikit-build]` in pyproject.toml (scikit-build-core 1.0 and "
        "later): members then get a fixed time.",
        backends=_SCIKIT,
    ),
    backend(
        "Date all members by SOURCE_DATE_EPOCH where it is set, and by one fixed time where it is not; convert with "
        "`time.gmtime`, not `time.localtime`."
    ),
)
ARCHIVE_MODES = (
    backend(
        "Write 0644, or 0755 for a file that its owner may execute, into the archive, instead of the mode that the "
        "umask of the build left on disk: in `WheelFile.write`, "
        "`zinfo.external_attr = (0o755 if st.st_mode & 0o100 else 0o644) << 16`, with the file type. flit-core, "
        "hatchling, poetry-core and pdm-backend do so. No project can fix this in its own files.",
        "pypa/wheel#362",
        backends=_SETUPTOOLS,
    ),
    project(
        "Set `wheel.reproducible = true` under `[tool.scikit-build]` in pyproject.toml (scikit-build-core 1.0 and "
        "later): modes then do not follow the umask.",
        backends=_SCIKIT,
    ),
    backend("Write 0644, or 0755 for a file that its owner may execute, instead of the mode that the umask left."),
)
ARCHIVE_ORDER = (
    *_ORDERS,
    backend("Add members in sorted order, whatever order the file system, a set or several threads give them in."),
)
ARCHIVE_PACKING = (
    backend(
        "Write members with a fixed compression, level and system, and without extra fields, such as user ids or "
        "finer times."
    ),
)
EXTRA_MEMBER = (
    project(
        "List the files of the wheel explicitly, and leave out what a build or a test leaves behind: caches, bytecode, "
        "logs. If a file depends on an optional tool or on a variable, fail without it, or never build it by default."
    ),
)

# --- metadata --------------------------------------------------------------------------------

GENERATOR = (
    project('Pin the build backend in pyproject.toml: `requires = ["setuptools==80.9.0"]` under `[build-system]`.'),
)
BACKEND_SPELLING = (
    project(
        "Build with the backend, and the version of it, that built the other wheel: name both in pyproject.toml, such "
        'as `requires = ["setuptools==80.9.0"]` under `[build-system]`. Both spellings mean the same.'
    ),
)
LINE_ENDS = (
    project(
        'Write generated text with `newline="\\n"`, set `* text=auto eol=lf` in .gitattributes, and end the last line '
        "of each file."
    ),
)
WHITE_SPACE = (
    project("Pin the generator or the formatter that writes the file, and keep its settings with the source."),
)
SCM_VERSION = (
    project(
        "Leave the date and the state of the checkout out of the version: "
        '`local_scheme = "no-local-version"` under `[tool.setuptools_scm]`, and no `tag_date` or `tag_build` under '
        "`[egg_info]` in setup.cfg."
    ),
)
DIRECT_URL = (
    tool(
        "the tool that repacked the wheel",
        "Leave direct_url.json out of a wheel: PEP 610 defines it for installed projects only.",
    ),
)
SBOM = (
    backend(
        "Derive the serial number of the bill of materials from its content, take its time from SOURCE_DATE_EPOCH, "
        "and write paths relative to the source.",
        backends=_RUST,
    ),
    tool(
        "the generator of the bill of materials",
        "Derive the serial number from the content, take the time from SOURCE_DATE_EPOCH, and write relative paths.",
    ),
)
RECORD_ORDER = (backend("Sort the lines of RECORD by path before it is written."),)
METADATA_ORDER = (
    UpstreamAdvice(
        Party.BACKEND,
        "Sort what `license_files` finds before it is written: `sorted(glob(pattern))`.",
        known=("pypa/setuptools#2691",),
        backends=_SETUPTOOLS,
        variations=("fileordering",),
        shown=("License-File",),
    ),
    project(
        "Sort the set of the extras' names before it is used, for instance in setup.py: "
        "`extras_require={name: requirements(name) for name in sorted(EXTRAS)}`. A `dict` or a list keeps its order "
        "and needs nothing.",
        variations=("hash-seed",),
        shown=("Provides-Extra",),
    ),
    *_ORDERS,
    project(_SORT_SET),
)

# --- bytecode --------------------------------------------------------------------------------

BYTECODE_MTIME = (
    project(
        "Leave .pyc files out of the wheel, since installers compile them; or compile them with "
        "`py_compile.PycInvalidationMode.UNCHECKED_HASH`, which stores no time."
    ),
)
BYTECODE_PATH = (
    project(
        "Leave .pyc files out of the wheel, since installers compile them; or compile them with the options "
        "`stripdir` and `prependdir` of compileall, or `dfile` of py_compile."
    ),
)
BYTECODE_ORDER = (
    tool(
        "CPython",
        "Write references and the items of frozensets in an order that does not depend on reference counts and hashes. "
        "Until then, a project leaves .pyc files out of its wheel, since installers compile them.",
        "python/cpython#129724",
    ),
)

# --- compiled code ---------------------------------------------------------------------------

_PREFIX_MAP = (
    "Pass `-ffile-prefix-map=SOURCE=.` to the compiler, with the absolute path of the source; SOURCE may have to be "
    "the folder that the build backend copies the source to. In setup.py: "
    '`extra_compile_args=[f"-ffile-prefix-map={os.getcwd()}=."]`; in CMake: '
    "`add_compile_options(-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)`."
)
DEBUG_PATH = (project(_PREFIX_MAP),)
RPATH = (
    project(
        "Link without the build folder in the library search path: no `runtime_library_dirs` or `-Wl,-rpath` with an "
        "absolute path, `$ORIGIN` in its place; in CMake: `set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)`."
    ),
)
EMBEDDED_PATH = (
    project(
        "Pass `--remap-path-prefix` to rustc, or set `trim-paths` in the profile where Cargo has it, so that panics do "
        "not name the folder of the build.",
        backends=_RUST,
    ),
    project(
        f"Compile sources by paths relative to the project, or map them away. {_PREFIX_MAP} `-DNDEBUG` leaves "
        "assertions out."
    ),
)
COMPILE_DATE = (
    project(
        "Leave `__DATE__` and `__TIME__` out of the code, and no `-D` with the output of `date` or "
        "`datetime.now()`; or take the time from SOURCE_DATE_EPOCH: "
        '`datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC)`.'
    ),
)
STATIC_LIBRARY_HEADERS = (
    project(
        "Create static libraries without times, owners and modes: `ar rcsD`, or `ARFLAGS=rcD`; leave `U` out. Or leave "
        "static libraries out of the wheel if nothing links with them."
    ),
)
COVERAGE_STAMP = (
    project(
        "Publish wheels that are compiled without `--coverage` (`-fprofile-arcs -ftest-coverage`), and leave `.gcno` "
        "files out. If they are wanted, pass `-frandom-seed=` with a fixed text for each source, such as its own name."
    ),
)
OTHER_COMPILER = (
    project(
        "Document the compiler and its version with which the published wheels are built, for instance the image of "
        "manylinux by its digest, so that others can build with it."
    ),
)
REPAIRED = (project("Document the versions of auditwheel and patchelf with which the published wheels are repaired."),)
STRIPPED = (
    project("Document whether the published wheels are stripped, and by what, so that others can do the same."),
)
OBJECT_ORDER = (
    project(
        "Sort the set of sources before it is passed to Extension: `Extension(name, sources=sorted(SOURCES))`.",
        variations=("hash-seed",),
    ),
    project(
        'Sort the list of sources: `Extension(name, sources=sorted(glob.glob("src/*.c")))`.',
        variations=("fileordering", "locales"),
    ),
    _BY_PARALLEL,
    project('Sort the list of sources: `Extension(name, sources=sorted(glob.glob("src/*.c")))`.'),
)
LTO_SYMBOLS = (
    project(
        "Pass `-frandom-seed=` with a fixed text for each source, such as its own name, where `-flto` is passed; or "
        "compile without `-flto`."
    ),
)

# --- texts and data --------------------------------------------------------------------------

NESTED_ARCHIVE = (
    project(
        "Pack without the clock: `gzip.compress(data, mtime=0)`, `gzip -n`, `TarInfo.mtime` and "
        "`ZipInfo.date_time` from SOURCE_DATE_EPOCH, in UTC.",
        variations=("time", "timezone"),
    ),
    project(
        "Pack with fixed owners and modes: `tar --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX`, or a "
        "`filter` of `TarFile.add` that sets uid, gid, uname, gname and mode.",
        variations=("umask", "user-group"),
    ),
    project(
        "Pack members in sorted order: `tar --sort=name`, or a loop over `sorted(paths)`.",
        variations=("fileordering", "hash-seed"),
    ),
    project("Pack with fixed times, owners and modes, in sorted order, and with names relative to the source."),
)
_FIXED_FOLDER = "Build in a folder whose name depends only on the project and its version, instead of `mkdtemp`"
RANDOM_FOLDER = (
    UpstreamAdvice(
        Party.PROJECT,
        "Build in the source's own folder by default in the project's own backend (`packaging/pep517_backend`), or "
        "pass `-ffile-prefix-map` with the temporary folder to C and C++ compilers.",
        known=("aio-libs/frozenlist#577",),
        shown=("-pep517-",),
    ),
    UpstreamAdvice(
        Party.BACKEND,
        f"{_FIXED_FOLDER}, as with the setting `build-dir`.",
        known=("mesonbuild/meson-python#671",),
        backends=_MESON,
    ),
    UpstreamAdvice(
        Party.PROJECT,
        'Set `build-dir = "build/{wheel_tag}"` under `[tool.scikit-build]` in pyproject.toml: without it, '
        "scikit-build-core builds in a temporary folder of random name.",
        backends=_SCIKIT,
    ),
    tool(
        "pip",
        f"{_FIXED_FOLDER}, so that two calls of `pip wheel` build in the same path.",
        "pypa/pip#9604",
        "pypa/pip#6505",
        shown=("/pip-",),
    ),
    tool("uv", f"{_FIXED_FOLDER}.", "astral-sh/uv#13096", shown=("/.tmp",)),
    project(
        "Generate files in a folder of fixed name below the source, instead of `tempfile.mkdtemp`, and write relative "
        "paths into them."
    ),
)
TIME_ZONE = (
    project(
        "Convert times in UTC: `datetime.fromtimestamp(seconds, UTC)`, `time.gmtime`, `date -u`; not "
        "`time.localtime` or `datetime.fromtimestamp(seconds)`."
    ),
)
BUILD_DATE = (
    project(
        "Write no date, or that of SOURCE_DATE_EPOCH where it is set: "
        '`datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", time.time())), UTC)`.'
    ),
)
OBJECT_ADDRESS = (
    project(
        "Write a name in place of the default text of an object: `obj.__qualname__`, or give its class a `__repr__`."
    ),
)
RANDOM_ID = (
    project(
        "Derive the identifier from the content: `uuid.uuid5(NAMESPACE, text)` in place of `uuid.uuid4()`; or leave it "
        "out."
    ),
)
RANDOM = (
    project(
        "Leave the value out, or derive it from the content. A temporary file's name, a duration and a process id "
        "say nothing of the package."
    ),
)
DERIVED_VALUE = (
    project(
        "Compute the identifier from the content of the package, not from a path, a host name or a time of the build."
    ),
)
LOCALE_SORTING = (project(_SORT_LOCALE),)
FILE_ORDER = (project(_SORT_LISTING),)
HASH_ORDER = (project(_SORT_SET),)

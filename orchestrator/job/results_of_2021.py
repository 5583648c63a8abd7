"""The last results of the tracker of 2020, as of 2021-02-04: 112 projects, and which of them were reproducible."""

from __future__ import annotations

DAY = "2021-02-04"

REPRODUCIBLE = frozenset(
    """
    alembic arrow asn1crypto atomicwrites attrs awscli beautifulsoup4 boto boto3 botocore cachetools certifi
    chardet click colorama configparser decorator defusedxml docker docutils entrypoints flake8 flask furl
    future futures google-api-core google-api-python-client google-auth google-cloud-core google-cloud-storage
    google-resumable-media googleapis-common-protos httplib2 idna importlib-metadata ipaddress isodate
    itsdangerous jinja2 jmespath joblib jsonschema mako mccabe mock more-itertools oauthlib orderedmultidict
    packaging pathlib2 pbr pexpect pip pip-tools pluggy prompt-toolkit protobuf ptyprocess py pyasn1
    pyasn1-modules pycodestyle pycparser pyflakes pygments pyjwt pyopenssl pyparsing pytest pytest-cov
    pytest-random-order python-dateutil python-editor pytz redis requests requests-oauthlib rsa s3transfer
    securedrop-sdk setuptools six tqdm traitlets urllib3 vcrpy virtualenv wcwidth websocket-client werkzeug
    wheel zipp
    """.split()  # noqa: SIM905 - read as it is written
)

NOT_REPRODUCIBLE = frozenset(
    """
    cffi coverage cryptography grpcio kiwisolver lxml markupsafe multidict numpy pillow psutil pyrsistent
    pyyaml simplejson sip sqlalchemy tornado wrapt yarl
    """.split()  # noqa: SIM905 - read as it is written
)

TRACKED = REPRODUCIBLE | NOT_REPRODUCIBLE


def result(project: str) -> bool | None:
    """Return whether two builds gave the same wheel of a project; None if the project was not tracked.

    `project` is normalized (PEP 503).
    """
    if project in REPRODUCIBLE:
        return True
    return False if project in NOT_REPRODUCIBLE else None

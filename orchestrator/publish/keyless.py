"""Signing without a key: sigstore binds a signature to an identity. The only module that imports sigstore.

sigstore is optional: `pip install wheelproof[sigstore]`. It asks an identity provider, a certificate authority and a
transparency log on the network; the log is public and is never deleted.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_TOKEN = "SIGSTORE_ID_TOKEN"  # noqa: S105 - the name of a variable


@contextmanager
def connected() -> Iterator[Callable[[bytes], bytes]]:
    """Give a function that signs a statement and returns a bundle of sigstore.

    The identity is that of the workflow in which this runs, where the workflow offers a token, or that of the token in
    SIGSTORE_ID_TOKEN.

    Raises
    ------
    UsageError
        sigstore is not installed, or there is no token of an identity.
    EvidenceError
        A service of sigstore refuses, or does not answer.

    """
    try:
        from sigstore import dsse, errors, models, oidc, sign  # noqa: PLC0415 - optional, and slow
    except ImportError as error:
        msg = "signing without a key: sigstore is not installed; pip install 'wheelproof[sigstore]'"
        raise UsageError(msg) from error
    try:
        token = os.environ.get(_TOKEN) or oidc.detect_credential()
        if not token:
            why = "there is no token of an identity"
            msg = f"signing without a key: {why}; run in a workflow that gives one, or set {_TOKEN}"
            raise UsageError(msg)
        identity = oidc.IdentityToken(token)
    except oidc.IdentityError as error:
        msg = "signing without a key: the token of the identity is not valid"
        raise UsageError(msg) from error
    try:
        context = sign.SigningContext.from_trust_config(models.ClientTrustConfig.production())
        with context.signer(identity) as signer:
            yield lambda payload: signer.sign_dsse(dsse.Statement(payload)).to_json().encode()
    except (errors.Error, OSError) as error:  # those of requests are OSErrors
        msg = f"signing without a key: {str(error)[:500]}; see that the services of sigstore can be reached"
        raise EvidenceError(msg) from error

"""urllib3's errors in the words of a transfer: ``OSError`` for what is worth another try, `RbeeError` for the rest."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from ...errors import ErrorCode, RbeeError


@contextmanager
def told(host: str = "the server") -> Iterator[None]:
    """Translate what goes wrong inside.

    :raises TimeoutError: nothing came in time.
    :raises ConnectionError: any other trouble with the line.
    :raises RbeeError: ``DOWNLOAD_FAILED``: the server cannot prove who it is, or the proxy is set wrongly.
    """
    from urllib3 import exceptions as faults

    try:
        yield
    except faults.SSLError as error:
        raise _not_trusted(host, error) from None
    except faults.ProxyError as error:
        raise ConnectionError(f"the proxy does not answer: {_cause(error)}") from None
    except faults.NameResolutionError:
        raise ConnectionError(f"{host} cannot be found (name resolution failed)") from None
    except faults.NewConnectionError as error:
        raise ConnectionError(f"{host} cannot be reached: {_cause(error)}") from None
    except faults.TimeoutError:
        raise TimeoutError(f"{host} sent nothing in time") from None
    except ssl.SSLCertVerificationError as error:
        raise _not_trusted(host, error) from None
    except TimeoutError:
        raise TimeoutError(f"{host} sent nothing in time") from None
    except ConnectionError:
        raise
    except (faults.HTTPError, http.client.HTTPException, OSError, ValueError, AttributeError) as error:
        # ValueError and AttributeError: the socket was closed under a reader's hands, by `Body.abort`.
        raise ConnectionError(f"the connection to {host} broke: {_cause(error)}") from None


def _cause(error: BaseException) -> str:
    inner = error.__cause__ or error.__context__
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    last = error.args[-1] if error.args else ""
    if isinstance(last, OSError):
        return last.strerror or type(last).__name__
    return type(last).__name__ if isinstance(last, BaseException) else type(error).__name__


def _not_trusted(host: str, error: BaseException) -> RbeeError | OSError:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" not in text and "certificate verify failed" not in text:
        return ConnectionError(f"no safe connection to {host}: {_cause(error)}")
    return RbeeError(
        ErrorCode.DOWNLOAD_FAILED,
        f"{host} cannot prove who it is: its certificate is not one that this machine trusts.",
        "If its authority is your own, set SSL_CERT_FILE to that authority's certificate.",
    )

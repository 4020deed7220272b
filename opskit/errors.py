"""The errors of opskit: each says what happened, then what to do.

* OpskitError
  * AddressError ............ an address, context or certificate folder that cannot be used
  * EngineError ............. talking to an engine failed
    * EngineNotFound ........ nobody listens at the address
    * PermissionDenied ...... the socket is there, this user may not open it
    * EngineUnresponsive .... connected, but no answer within the timeout
    * EngineLost ............ the connection ended in the middle of an answer
    * TLSError .............. certificates do not fit, are missing or expired
    * BadResponse ........... the answer is not what the Engine API says
    * APIError .............. the engine answered with an error status
      * NotFound ............ 404
      * Conflict ............ 409
      * Forbidden ........... 403: a proxy or guard refused the call
      * VersionMismatch ..... no API version in common, or the call needs a newer engine
      * NoRecordedMatch ..... a replayed cassette has no answer to this request
      * OperationFailed ..... accepted with status 200, then the engine reported an error
  * WrongEngine ............. rows or objects of one engine, given to another one
  * InvalidOption ........... a value that no engine could take, refused before it was sent
  * CredentialsError ........ docker's config file or credential helper gives no credentials
  * ReadOnlyEngine .......... the engine was connected with ``read_only=True``
  * PolicyError ............. a guard's policy that cannot be read or does not make sense
  * AuditError .............. an audit log cannot be written or read
  * CassetteError ........... a cassette cannot be read or written
    * CassetteFormatError ... its content is damaged, of another version, or not a cassette
    * CassetteBusy .......... somebody else is recording to it

And a warning:

* EventsForgotten ........... the engine does not remember all of the time that was asked for
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "APIError",
    "AddressError",
    "AuditError",
    "BadResponse",
    "CassetteBusy",
    "CassetteError",
    "CassetteFormatError",
    "Conflict",
    "CredentialsError",
    "EngineError",
    "EngineLost",
    "EngineNotFound",
    "EngineUnresponsive",
    "EventsForgotten",
    "Forbidden",
    "InvalidOption",
    "NoRecordedMatch",
    "NotFound",
    "OperationFailed",
    "OpskitError",
    "PermissionDenied",
    "PolicyError",
    "ReadOnlyEngine",
    "TLSError",
    "VersionMismatch",
    "WrongEngine",
]


class OpskitError(Exception):
    """Base of all errors that opskit raises on purpose.

    Parameters
    ----------
    what : str
        What happened, naming the thing it happened to.
    remedy : str
        What to do about it.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = what
        self.remedy = remedy
        super().__init__(what, remedy)

    def __str__(self) -> str:
        return f"{self.what}\n  -> {self.remedy}" if self.remedy else self.what


class AddressError(OpskitError):
    """An address, docker context or certificate folder that cannot be used."""


class EngineError(OpskitError):
    """Talking to an engine failed."""


class EngineNotFound(EngineError):
    """Nobody listens at the address."""


class PermissionDenied(EngineError):
    """The socket exists but this user may not open it."""


class EngineUnresponsive(EngineError):
    """The engine accepted the connection but did not answer within the timeout."""


class EngineLost(EngineError):
    """The connection ended in the middle of an answer."""


class TLSError(EngineError):
    """The TLS handshake failed: wrong authority, host name, date, or no client certificate."""


class BadResponse(EngineError):
    """The answer is not what the Engine API says: an HTML page, cut JSON, no HTTP at all."""


class APIError(EngineError):
    """The engine answered with an error status.

    Attributes
    ----------
    status : int
        HTTP status code.
    message : str
        The engine's own words.
    request : str
        Method and path of the call.
    """

    def __init__(self, what: str, remedy: str = "", *, status: int, message: str, request: str):
        super().__init__(what, remedy)
        self.status = status
        self.message = message
        self.request = request

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (
            type(self),
            self.what,
            self.remedy,
            self.status,
            self.message,
            self.request,
        )


def _rebuild(
    kind: type[APIError], what: str, remedy: str, status: int, message: str, request: str
) -> APIError:
    return kind(what, remedy, status=status, message=message, request=request)


class NotFound(APIError):
    """404: the engine has no such object, or no such endpoint."""


class Conflict(APIError):
    """409: the object's state or name does not allow the call."""


class Forbidden(APIError):
    """403: a socket proxy or guard in front of the engine refused the call."""


class VersionMismatch(APIError):
    """Client and engine have no API version in common, or the call needs a newer engine."""


class NoRecordedMatch(APIError):
    """A replayed cassette has no answer to this request (status 501)."""


class OperationFailed(APIError):
    """The engine accepted a pull, push, build or load with status 200 and then reported an error.

    Attributes
    ----------
    log : pandas.DataFrame or None
        What the engine had said until then, as the call would have given it.
    steps : pandas.DataFrame or None
        The steps that a build had come to, the failed one last.
    """

    log: Any = None
    steps: Any = None


class WrongEngine(OpskitError):
    """Rows, frames or SDK objects of one engine were given to another one."""


class InvalidOption(OpskitError, ValueError):
    """A value that no engine could take: refused before anything was sent."""


class CredentialsError(OpskitError):
    """Docker's config file or credential helper gives no usable credentials."""


class ReadOnlyEngine(OpskitError):
    """The call would change an engine that was connected with ``read_only=True``."""


class PolicyError(OpskitError):
    """A guard's policy that cannot be read, or in which something is not understood."""


class AuditError(OpskitError):
    """An audit log cannot be written or read."""


class CassetteError(OpskitError):
    """A cassette cannot be read or written."""


class CassetteFormatError(CassetteError):
    """The cassette's content is damaged, from another version, or not a cassette at all."""


class CassetteBusy(CassetteError):
    """Another recorder is writing to the cassette."""


class EventsForgotten(UserWarning):
    """The engine does not remember all of the time that was asked for."""

"""Requests that are not answered with a result: a stable code, a status and a sentence."""

from crescendai.api.contracts import ErrorCode, ErrorDetail, ErrorResponse
from crescendai.audio.refusal import CODES

STATUS = {
    **dict.fromkeys(CODES, 422),
    "empty": 400, "unsupported_format": 415, "too_long": 413,
    "body_too_large": 413, "invalid_request": 400, "unsupported_media_type": 415, "invalid_spectrogram": 422,
    "upload_timeout": 408, "decoding_timeout": 422, "decoding_failed": 422, "unauthorized": 401, "not_found": 404,
    "method_not_allowed": 405, "overloaded": 429, "timeout": 503, "not_ready": 503, "internal": 500,
}  # fmt: skip


class Refusal(Exception):
    """A request that is not served.

    retry_after_s: where trying again later may help. allow: methods that the path takes, where it was another.
    """

    def __init__(self, code: str, message: str, retry_after_s: int | None = None, allow: str | None = None):
        super().__init__(message)
        self.code, self.message, self.retry_after_s, self.allow = code, message, retry_after_s, allow

    @property
    def status(self) -> int:
        return STATUS[self.code]

    def body(self, request_id: str | None) -> bytes:
        detail = ErrorDetail(code=ErrorCode(self.code), message=self.message, request_id=request_id)
        return ErrorResponse(error=detail).model_dump_json().encode()

    def headers(self) -> dict[str, str]:
        found = {
            "Retry-After": None if self.retry_after_s is None else str(self.retry_after_s),
            "Allow": self.allow,
            "WWW-Authenticate": "Bearer" if self.code == "unauthorized" else None,
        }
        return {name: value for name, value in found.items() if value is not None}

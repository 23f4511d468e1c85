"""The section `web` of the configuration."""

from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pgdrift.web.listen import parse_address


class WebSettings(BaseModel):
    """Where the page is served, and under which address people reach it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    listen: str = Field(
        default="0.0.0.0:8080",  # in a container nothing else would be reached
        description="Address and port to serve on, as 127.0.0.1:8080, [::1]:8080 or :8080.",
    )
    public_url: str | None = Field(
        default=None,
        description="What people type to get to the page; messages link to it.",
        examples=["https://pgdrift.example.org"],
    )

    @field_validator("listen")
    @classmethod
    def _can_be_parsed(cls, value: str) -> str:
        parse_address(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address that begins with http:// or https://")
        if parts.username or parts.password:
            raise ValueError("must hold no user name and no password: every message shows it")
        return value.rstrip("/")

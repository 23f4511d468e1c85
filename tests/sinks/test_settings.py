from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from pgdrift.sinks import Channel, EmailChannel, SlackChannel, SlackWebhookChannel

read = TypeAdapter[Any](Channel).validate_python

SLACK = {"type": "slack", "channel": "#db-oncall"}
EMAIL = {"type": "email", "host": "smtp.example.org", "to": ["dba@example.org"]}


def test_the_type_chooses_the_channel() -> None:
    assert isinstance(read({**SLACK, "token": "xoxb-1"}), SlackChannel)
    assert isinstance(read({"type": "slack_webhook", "url": "https://h/s"}), SlackWebhookChannel)
    assert isinstance(read(EMAIL), EmailChannel)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"type": "pager"}, "does not match any of the expected tags"),
        ({**SLACK, "token": "t", "colour": "red"}, "Extra inputs are not permitted"),
        (SLACK, "no token: give token_file"),
        ({**SLACK, "token": "t", "token_file": "/f"}, "two sources for one secret"),
        ({**SLACK, "token": "two\nlines"}, "more than one line"),
        ({**SLACK, "token": "t", "base_url": "ftp://x"}, "must be a whole address, https://"),
        ({**SLACK, "token": "t", "base_url": "https://a..b/"}, "between dots have 1 to 63 letters"),
        ({**SLACK, "token": "t", "base_url": "https://a:99999/"}, "cannot be read"),
        ({**SLACK, "token": "t", "app_token": "x"}, "app_token and actors belong together"),
        ({**SLACK, "token": "t", "actors": ["U012"]}, "app_token and actors belong together"),
        ({**SLACK, "token": "t", "app_token": "x", "actors": ["@maria"]}, "is no user's id"),
        (
            {**SLACK, "token": "t", "app_token": "x", "app_token_file": "/f", "actors": ["*"]},
            "two sources for one secret",
        ),
        ({**EMAIL, "host": "smtp..example.org"}, "between dots have 1 to 63 letters"),
        ({**EMAIL, "host": f"{'x' * 64}.org"}, "between dots have 1 to 63 letters"),
        ({**EMAIL, "host": "a." * 127}, "1 to 253 letters"),
        ({**EMAIL, "host": ""}, "1 to 253 letters"),
        ({**EMAIL, "host": "smtp.example.org:25"}, "host's name or address, and nothing else"),
        ({**EMAIL, "host": "smtp example"}, "host's name or address, and nothing else"),
        ({"type": "slack_webhook", "url": "https://hooks..slack.com/x"}, "1 to 63 letters"),
        ({"type": "slack_webhook", "url": "https://[::1"}, "cannot be read"),
        ({"type": "slack_webhook"}, "no url: give url_file"),
        ({"type": "slack_webhook", "url": "hooks.slack.com"}, "whole address"),
        ({**EMAIL, "to": []}, "at least 1 item"),
        ({**EMAIL, "to": ["nobody"]}, "must be one address"),
        ({**EMAIL, "to": ["a@example.org\r\nBcc: b@example.org"]}, "must be one address"),
        ({**EMAIL, "from": "a@b@c d"}, "must be one address"),
        ({**EMAIL, "username": "u"}, "no password: give password_file"),
        ({**EMAIL, "password": "p"}, "a password without a username"),
        ({**EMAIL, "starttls": "maybe"}, "Input should be 'auto', 'require', 'tls' or 'none'"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_clear_words(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        read(settings)


@pytest.mark.parametrize(
    "host", ["smtp", "mail_1", "smtp.example.org.", "münchen.example", "127.0.0.1", "::1"]
)
def test_every_host_that_a_connection_can_be_made_to_is_taken(host: str) -> None:
    assert read({**EMAIL, "host": host}).host == host
    url = f"https://{f'[{host}]' if ':' in host else host}:8443/api/"
    assert read({**SLACK, "token": "t", "base_url": url}).base_url == url


@pytest.mark.parametrize("url", ["https://x:s3cret/", "https://[s3cret/", "https://s3cret..x/"])
def test_a_url_that_is_none_is_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SlackWebhookChannel.model_validate({"type": "slack_webhook", "url": url})
    assert "s3cret" not in str(caught.value)


def test_no_secret_is_shown() -> None:
    assert "xoxb-secret" not in repr(read({**SLACK, "token": "xoxb-secret"}))


@pytest.mark.parametrize(
    "settings",
    [{"tokens": "xoxb-secret"}, {"token": ["xoxb-secret"]}, {"token": "xoxb-secret\nmore"}],
)
def test_a_refusal_repeats_no_secret(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        SlackChannel.model_validate({**SLACK, **settings})
    assert "xoxb-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("more", "port"),
    [
        ({}, 25),
        ({"starttls": "tls"}, 465),
        ({"username": "u", "password": "p"}, 587),
        ({"port": 2525}, 2525),
    ],
)
def test_the_port_follows_from_how_the_server_is_spoken_to(more: dict[str, Any], port: int) -> None:
    assert read({**EMAIL, **more}).server_port == port

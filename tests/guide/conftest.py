"""What the daemon's tests have, for the steps that need one."""

from tests.daemon.conftest import house as house  # noqa: PLC0414  a fixture

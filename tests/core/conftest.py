"""Properties run the same way on a busy machine: no deadline for one example."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "core", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("core")

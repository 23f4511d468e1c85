"""Values in, values out: no clock, no await, no environment, no third-party package."""

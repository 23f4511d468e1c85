"""The parts of a daemon that runs; each gets functions for what it asks of others."""

"""The only code that writes to an environment: from the command line, never from the daemon.

In come a session that can only read until a transaction here says otherwise, and what reads its
catalog; out comes what was done. Every change is one transaction, proved before it is committed.
"""

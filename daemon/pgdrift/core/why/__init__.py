"""Why an object is not as it was: what histories, ledger and clock know of a change."""

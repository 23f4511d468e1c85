"""Ask a server, return a noun. Each file knows one thing to ask for, and none writes."""

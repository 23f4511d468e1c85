"""What is no difference: rules over one snapshot (normalise), and over two (align)."""

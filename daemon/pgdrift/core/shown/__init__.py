"""What people and machines read of findings, objects and moments: values in, text out."""

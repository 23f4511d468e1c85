"""From what a look found to what people are told: each step takes values and returns values."""

"""What a workshop is made of, without input or output: plans, reductions, pacing."""

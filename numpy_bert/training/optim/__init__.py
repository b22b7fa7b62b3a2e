"""Update rules, learning-rate schedules and gradient clipping."""

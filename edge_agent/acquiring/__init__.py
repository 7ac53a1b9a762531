"""Reading the instruments: schedules, the tasks that own the buses, waiting times."""

"""When instruments are asked: schedules, the tasks that own the buses, misses and patience."""

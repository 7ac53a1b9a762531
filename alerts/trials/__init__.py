"""Rules on trial: findings of a check, rule tests, back-tests over what is stored."""

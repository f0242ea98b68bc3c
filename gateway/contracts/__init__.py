"""Field types, rules, the checker and the contracts themselves."""

# env prints the program's own environment, nothing of ours.
CMD=(env)
DETERMINISTIC=1
EQUAL=1

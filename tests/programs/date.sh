# The clock read by a small program.
CMD=(date +%N)

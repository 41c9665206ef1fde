# The whole file system walked, in the kernel's order of names, and cut short.
CMD=(sh -c "find / -xdev -name '*.conf' 2>/dev/null | sort | head -50")
DETERMINISTIC=1
check() { [ -s "$1" ]; }

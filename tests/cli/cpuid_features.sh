# A replay serves what CPUID told, but no instruction set that its own processor lacks: a recording of one that has
# more (here every bit there is) is replayed without them. Its other answers are the recorded ones.
# shellcheck shell=bash source=tests/lib.sh
. "$ROOT/tests/lib.sh"

for leaf in 7 2; do
	cat >ask.c <<-END
		#include <cpuid.h>
		int main(void)
		{
			unsigned a, b, c, d;
			__cpuid_count($leaf, 0, a, b, c, d);
			return c == 0xffffffff && d == 0xffffffff ? 3 : 0;
		}
	END
	${CC:-cc} -O1 -o ask.$leaf ask.c || skip "no compiler"
	expect 0 "$DEJA" record -q -o rec.$leaf -- ./ask.$leaf
	expect 0 "$DEJA" verify rec.$leaf
	python3 "$TESTS/tamper.py" features rec.$leaf >/dev/null || fail "tamper.py"
done
expect 0 "$DEJA" replay rec.7
expect 120 "$DEJA" replay rec.2

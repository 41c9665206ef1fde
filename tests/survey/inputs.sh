# shellcheck shell=bash
# What every entry of a survey finds in its directory. Run in it by tests/survey/run.
{
	for i in $(seq 300); do echo "line $i of a text with word$((i * 7919 % 101)) and $((i * 104729 % 9973))"; done
} >text
seq 500 | awk '{ print $1 * 7919 % 1009 }' >numbers
printf 'name,city,age\nAda,London,36\nGrace,New York,85\nLinus,Helsinki,54\n' >table.csv
printf '{"a": [1, 2, {"b": "x"}], "c": null, "d": 1.5e3}\n' >data.json
awk 'BEGIN { for (i = 0; i < 60000; i++) printf "%d %x\n", i, i * 2654435761 % 4294967296 }' >bulk
mkdir -p tree/a/b tree/c
cp text tree/a/one
cp numbers tree/a/b/two
cp table.csv tree/c/three.csv
ln -s ../a/one tree/c/link
ln tree/a/one tree/c/hard
chmod 640 tree/c/three.csv
touch -d '2020-01-02 03:04:05 UTC' tree/a/one tree/a/b/two tree/c/three.csv tree tree/a tree/a/b tree/c text numbers bulk table.csv data.json
cat >hello.c <<'C'
#include <stdio.h>
int main(int argc, char **argv)
{
	printf("hello, %d arguments\n", argc - 1);
	return argc > 9;
}
C
touch -d '2020-01-02 03:04:05 UTC' hello.c

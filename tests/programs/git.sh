# A repository made, committed to, logged, cloned.
NEED=(git)
setup() {
	cat >script <<'S'
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
git init -q -b main repo && cd repo
git config pack.threads 1
for i in 1 2 3; do
	date +%s%N >file$i; git add . ; git commit -q -m "commit $i of $$"
done
git log --stat --format='%H %an %at %s'
git checkout -q -b side; echo side >side; git add side; git commit -q -m side
git checkout -q main; git merge -q --no-edit --no-ff side; git gc -q
cd .. && git clone -q repo copy && cd copy && git log --oneline --graph --all && git status && git fsck
git ls-files -s
S
}
CMD=(sh script)
check() { grep -q 'nothing to commit' "$1"; }

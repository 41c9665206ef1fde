# Write-ahead mode: a shared memory file mapped, locks, checkpoints.
NEED=(sqlite3)
setup() { sqlite3 test.db 'create table t (r); insert into t values (random())'; }
CMD=(sqlite3 test.db "pragma journal_mode = wal; begin; insert into t select random() from t; commit;
	insert into t select random() from t; insert into t select random() from t; select * from t;
	pragma wal_checkpoint(full); insert into t values (random()); select count(*), max(r) from t;")
check() { grep -q '^wal$' "$1"; }

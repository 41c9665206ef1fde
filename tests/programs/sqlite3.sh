# A database file: create, insert random numbers, select.
NEED=(sqlite3)
CMD=(sqlite3 test.db "create table t (id integer primary key, r, w);
	with recursive n(i) as (select 1 union all select i + 1 from n where i < 500)
	insert into t select i, random(), hex(randomblob(8)) from n;
	create index x on t (r); select * from t order by r limit 5; select count(*), sum(r % 1000) from t;
	delete from t where r % 2; vacuum; pragma integrity_check; select julianday('now'), count(*) from t;")
check() { grep -q '^ok$' "$1"; }

# Random numbers, times, pids, directory listing, hash order, the order of objects by address.
NEED=(perl)
setup() { touch a b c d e f; }
CMD=(perl -MTime::HiRes=time -e 'print rand, " ", time, " $$ ", join(",", glob("*")), "\n";
	opendir(my $d, "."); print join(",", readdir $d), "\n";
	my %h = map { $_ => 1 } 1 .. 40; print join(",", keys %h), "\n";
	my @o = sort { 0 + $a <=> 0 + $b } map { {} } 1 .. 20; print "@o\n";
	my $pid = fork; if (!$pid) { print "child $$ ", rand, "\n"; exit 3 } waitpid $pid, 0; print $? >> 8, "\n";
	$SIG{ALRM} = sub { die "alarm\n" }; eval { Time::HiRes::ualarm(20000); sleep 5 }; print $@;')

# Random numbers, times, pids, directory listing, object ids.
NEED=(php)
setup() { touch a b c d e; }
CMD=(php -r 'echo mt_rand(), " ", random_int(0, 1 << 40), " ", microtime(true), " ", getmypid(), " ", uniqid(), "\n";
	print_r(scandir(".")); $d = opendir("."); while (($f = readdir($d)) !== false) echo $f, " ";
	echo bin2hex(random_bytes(8)), "\n"; $o = []; for ($i = 0; $i < 9; $i++) $o[] = spl_object_hash(new stdClass);
	echo implode(",", $o), "\n", shell_exec("echo \$\$; date +%N"), memory_get_usage(), " ", lcg_value(), "\n";
	file_put_contents("made", date("c")); echo file_get_contents("made"), " ", tempnam(".", "x"), "\n";')

# Random numbers, times, the addresses of tables and functions, the order of a set of them.
NEED=(lua5.4)
CMD=(lua5.4 -e 'print(math.random(), os.time(), os.clock(), os.tmpname())
	local t = {} for i = 1, 30 do t[{}] = i end for k, v in pairs(t) do print(k, v) end
	print(print, io.stdout) local p = io.popen("echo $$; ls -a") print(p:read("a")) print(p:close())')

# Text tools in a row, with a random seed from the clock.
CMD=(sh -c 'awk "BEGIN { srand(); for (i = 0; i < 2000; i++) print rand(), systime() }" 2>/dev/null | sort -n | sed "s/^0//" | gzip -c | gzip -dc | md5sum; date +%s%N | sed "s/^/now /"')

# A command ended by timeout(1): timers and signals of an everyday tool.
CMD=(sh -c 'timeout 0.1 sleep 10; echo "$? $$"; timeout -s KILL 0.1 sleep 10; echo $?')

# A shell's child dies of SIGSEGV, the shell reports it and dies of SIGABRT itself.
CMD=(bash -c 'echo $$; sh -c "kill -SEGV \$\$"; echo status $?; kill -ABRT $$')
STATUS=134

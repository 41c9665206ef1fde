# Nobody listens: the program's failure is reproduced.
NEED=(curl python3)
setup() { CMD=(curl -sS -w '%{time_total} %{errormsg}\n' "http://127.0.0.1:$(free_port)/"); }
STATUS=7

# nginx: a master, two workers, an access log, TLS, a reload by SIGHUP in the middle. The log
# tells connection numbers, which the workers count in memory that they share.
NEED=(nginx openssl curl)
setup() {
	PORT=$(free_port) TLS_PORT=$(free_port)
	mkdir site temporary && seq 2000 >site/page
	openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost || return
	cat >nginx.conf <<-END
		user $(id -un) $(id -gn); daemon off; worker_processes 2; pid $DIR/work/nginx.pid; error_log $DIR/work/error.log info;
		events { worker_connections 256; }
		http {
			access_log $DIR/work/access.log;
			client_body_temp_path temporary/1; proxy_temp_path temporary/2;
			fastcgi_temp_path temporary/3; uwsgi_temp_path temporary/4; scgi_temp_path temporary/5;
			sendfile on; gzip on; gzip_types text/plain;
			server {
				listen 127.0.0.1:$PORT; root $DIR/work/site;
				location /made { return 200 "\$request_id \$msec\n"; }
			}
			server {
				listen 127.0.0.1:$TLS_PORT ssl; root $DIR/work/site;
				ssl_certificate $DIR/work/cert.pem; ssl_certificate_key $DIR/work/key.pem;
			}
		}
	END
	CMD=(nginx -p "$DIR/work" -c "$DIR/work/nginx.conf")
}
requests() {
	local i
	for ((i = 0; i < 5 * LOAD; i++)); do
		curl -sf "http://127.0.0.1:$PORT/made" "http://127.0.0.1:$PORT/page" &&
			curl -sf --compressed "http://127.0.0.1:$PORT/page" &&
			curl -sfk "https://127.0.0.1:$TLS_PORT/page" || return
	done
}
load() {
	requests >requests.1 && kill -HUP "$SERVER" && sleep 0.3 && requests >requests.2 &&
		[ "$(wc -l <requests.2)" = $((5 * LOAD * 6001)) ]
}
stop() { kill -QUIT "$SERVER"; }

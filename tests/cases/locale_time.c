/*
 * What libc reads by itself: locales, time zones, users, hosts, services, message files.
 * Shows that calls from inside libc are recorded as the program's own are.
 */
#include "victim.h"
#include <arpa/inet.h>
#include <grp.h>
#include <iconv.h>
#include <langinfo.h>
#include <locale.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/socket.h>
#include <wchar.h>

static void zone(const char *tz)
{
	char text[128];
	time_t now = time(NULL);
	struct tm tm;

	T_CHECK(setenv("TZ", tz, 1) == 0);
	tzset();
	T_CHECK(localtime_r(&now, &tm) && strftime(text, sizeof(text), "%c %Z %z", &tm) > 0);
	T_CHECK(mktime(&tm) == now);
	printf("%s: %s, %s/%s\n", tz, text, tzname[0], tzname[1]);
}

int main(void)
{
	struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM}, *ai;
	char host[256], serv[32];

	printf("locale %s\n", setlocale(LC_ALL, ""));
	if (setlocale(LC_ALL, "C.UTF-8")) {
		T_CHECK(strcmp(nl_langinfo(CODESET), "UTF-8") == 0);
		printf("%lc %d\n", L'\u00fc', wcwidth(L'\u6f22'));
	}
	T_CHECK(!setlocale(LC_ALL, "xx_XX.nothing"));
	T_CHECK(!newlocale(LC_ALL_MASK, "xx_XX", (locale_t)0));
	zone("Europe/Berlin");
	zone("America/New_York");
	zone("UTC");
	zone("XYZ-5:30");
	time_t now = time(NULL);
	printf("ctime %s", ctime(&now));

	struct passwd *pw = getpwuid(getuid());
	if (pw)
		printf("user %s home %s shell %s\n", pw->pw_name, pw->pw_dir, pw->pw_shell);
	T_CHECK(!getpwnam("no-such-user-here"));
	struct group *gr = getgrgid(getgid());
	if (gr)
		printf("group %s\n", gr->gr_name);
	setpwent();
	int users = 0;
	while (getpwent())
		users++;
	endpwent();
	printf("%d users\n", users);

	T_CHECK(getaddrinfo("127.0.0.1", "80", &hints, &ai) == 0);
	T_CHECK(getnameinfo(ai->ai_addr, ai->ai_addrlen, host, sizeof(host), serv, sizeof(serv),
			    NI_NUMERICHOST | NI_NUMERICSERV) == 0);
	T_CHECK(strcmp(host, "127.0.0.1") == 0 && strcmp(serv, "80") == 0);
	freeaddrinfo(ai);
	hints.ai_flags = 0;
	hints.ai_family = AF_INET;
	int rc = getaddrinfo("localhost", NULL, &hints, &ai);
	printf("localhost: %s\n", rc ? gai_strerror(rc)
				     : inet_ntoa(((struct sockaddr_in *)ai->ai_addr)->sin_addr));
	if (rc == 0)
		freeaddrinfo(ai);
	rc = getaddrinfo("300.300.300.300", NULL, &(struct addrinfo){.ai_flags = AI_NUMERICHOST},
			 &ai);
	T_CHECK(rc == EAI_NONAME);
	struct servent *se = getservbyname("domain", "udp");
	printf("domain/udp %d\n", se ? ntohs((uint16_t)se->s_port) : -1);
	struct protoent *pe = getprotobyname("tcp");
	printf("tcp %d\n", pe ? pe->p_proto : -1);

	iconv_t cd = iconv_open("UTF-16LE", "ISO-8859-1");
	if (cd != (iconv_t)-1) {
		char in[] = "\xfc-", out[16], *i = in, *o = out;
		size_t il = 2, ol = sizeof(out);

		T_CHECK(iconv(cd, &i, &il, &o, &ol) == 0 && o - out == 4 && out[0] == '\xfc');
		T_CHECK(iconv_close(cd) == 0);
	}
	printf("%s, pid %d\n", strsignal(SIGSEGV), getpid());
	return 0;
}

/* A server of somebody's own, linked to musl; its image has no glibc. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(void) {
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(9000), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, count = 0;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 16) != 0) {
		perror("listen");
		return 1;
	}
	for (;;) {
		char in[4096], body[64], out[256];
		int client = accept(listener, NULL, NULL);
		if (client < 0 || read(client, in, sizeof in) <= 0) {
			close(client);
			continue;
		}
		int length = snprintf(body, sizeof body, "{\"count\": %d}", ++count);
		int all = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", length, body);
		printf("plain request %d\n", count);
		fflush(stdout);
		if (write(client, out, all) != all)
			perror("write");
		close(client);
	}
}

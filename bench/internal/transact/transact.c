//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// Request and reply on persistent connections with the kernel's TCP at its best
// from one thread: non-blocking sockets and epoll, at either end.
//
//	transact server PORT REQUEST_BYTES REPLY_BYTES
//	transact client ADDRESS PORT REQUEST_BYTES REPLY_BYTES CONNECTIONS NANOSECONDS
//
// The server says "ready" once it listens, and serves until it is killed. The
// client prints a line of JSON when it begins to count, and one when it has.
// Times are of the turn: one clock read each.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, FILES = 1 << 16, STEPS = 32, BUCKETS = 64 * STEPS };

static uint64_t request_bytes, reply_bytes;
static char out[1 << 20], in[1 << 16];
static int poller;

// peer is what is known about the socket of that descriptor.
static struct peer {
	uint64_t got, owed; // bytes of what is being received; yet to be sent
	uint64_t sent_at;
	int blocked; // waits to be writable
} peers[FILES];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int fd, uint32_t events, int op)
{
	struct epoll_event e = {.events = events, .data.fd = fd};

	if (epoll_ctl(poller, op, fd, &e))
		die("transact: epoll_ctl");
}

// push sends what is owed; 0 when the connection has ended.
static int push(int fd)
{
	struct peer *p = &peers[fd];

	while (p->owed) {
		ssize_t n = send(fd, out, p->owed < sizeof(out) ? p->owed : sizeof(out), MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			if (!p->blocked)
				watch(fd, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
			p->blocked = 1;
			return 1;
		}
		if (n <= 0)
			return 0;
		p->owed -= n;
	}
	if (p->blocked)
		watch(fd, EPOLLIN, EPOLL_CTL_MOD);
	p->blocked = 0;
	return 1;
}

static void serve(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event events[EVENTS];
	int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 4096))
		die("transact: listen");
	watch(listener, EPOLLIN, EPOLL_CTL_ADD);
	puts("ready");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(poller, events, EVENTS, -1);

		for (int k = 0; k < n; k++) {
			int fd = events[k].data.fd;
			struct peer *p = &peers[fd];
			ssize_t got = 0;

			if (fd == listener) {
				while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
					if (fd >= FILES) {
						close(fd);
						continue;
					}
					setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
					peers[fd] = (struct peer){0};
					watch(fd, EPOLLIN, EPOLL_CTL_ADD);
				}
				continue;
			}
			if (events[k].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
				got = recv(fd, in, sizeof(in), 0);
			if (got > 0) {
				p->got += got;
				p->owed += p->got / request_bytes * reply_bytes;
				p->got %= request_bytes;
			} else if (got == 0 && !(events[k].events & EPOLLOUT))
				got = -2;
			if (got == -2 || (got < 0 && errno != EAGAIN) || !push(fd))
				close(fd);
		}
	}
}

static uint64_t counts[BUCKETS], exchanges;

// record puts a time into its bucket: a power of two in 32 steps.
static void record(uint64_t ns)
{
	int power = ns < STEPS ? 0 : 63 - __builtin_clzll(ns) - 4;

	counts[power * STEPS + (power ? (ns >> (power - 1)) - STEPS : ns)]++;
	exchanges++;
}

static double quantile(double q)
{
	uint64_t rank = q * exchanges, seen = 0;

	for (int k = 0; k < BUCKETS; k++)
		if ((seen += counts[k]) > rank) {
			int power = k / STEPS;

			return power ? (double)((uint64_t)(k % STEPS + STEPS) << (power - 1)) : k;
		}
	return 0;
}

static void ask(const char *address, uint16_t port, int connections, uint64_t duration)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct epoll_event events[EVENTS];
	uint64_t began, ends, at, failed = 0;
	int one = 1;

	inet_pton(AF_INET, address, &to.sin_addr);
	int *all = calloc(connections, sizeof(*all));
	for (int k = 0; k < connections; k++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		if (fd < 0 || fd >= FILES || connect(fd, (struct sockaddr *)&to, sizeof(to)))
			die("transact: connect");
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		fcntl(fd, F_SETFL, O_NONBLOCK);
		watch(fd, EPOLLIN, EPOLL_CTL_ADD);
		all[k] = fd;
	}
	puts("{}"); // all stand
	fflush(stdout);
	at = began = now();
	ends = began + duration;
	for (int k = 0; k < connections; k++) {
		peers[all[k]] = (struct peer){.owed = request_bytes, .sent_at = at};
		failed += !push(all[k]);
	}
	while ((at = now()) < ends) {
		int n = epoll_wait(poller, events, EVENTS, 100);

		at = now();
		for (int k = 0; k < n; k++) {
			int fd = events[k].data.fd;
			struct peer *p = &peers[fd];
			ssize_t got = recv(fd, in, sizeof(in), 0);

			if (got < 0 && errno == EAGAIN) {
				push(fd);
				continue;
			}
			if (got <= 0 || (p->got += got) > reply_bytes) {
				failed++;
				close(fd);
				continue;
			}
			if (p->got == reply_bytes) {
				record(at - p->sent_at);
				*p = (struct peer){.owed = request_bytes, .sent_at = at};
				failed += !push(fd);
			}
		}
	}
	printf("{\"exchanges\":%llu,\"failed\":%llu,\"nanoseconds\":%llu,\"p50\":%.0f,\"p99\":%.0f}\n",
	       (unsigned long long)exchanges, (unsigned long long)failed, (unsigned long long)(at - began), quantile(0.5), quantile(0.99));
	fflush(stdout);
	pause(); // until we have been looked at, and are ended
}

int main(int argc, char **argv)
{
	struct rlimit files = {FILES, FILES};
	int client = argc == 8 && !strcmp(argv[1], "client");

	if (!client && !(argc == 5 && !strcmp(argv[1], "server")))
		return 2;
	setrlimit(RLIMIT_NOFILE, &files); // else sockets fail, which is told
	if ((poller = epoll_create1(0)) < 0)
		die("transact: epoll");
	request_bytes = strtoull(argv[3 + client], NULL, 10);
	reply_bytes = strtoull(argv[4 + client], NULL, 10);
	memset(out, 't', sizeof(out));
	if (client)
		ask(argv[2], strtoul(argv[3], NULL, 10), strtol(argv[6], NULL, 10), strtoull(argv[7], NULL, 10));
	else
		serve(strtoul(argv[2], NULL, 10));
	return 0;
}

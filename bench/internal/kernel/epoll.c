//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The kernel's TCP at its best from one thread: non-blocking sockets, one
// edge-triggered registration each, a window of connections under way. It
// prints one line of JSON at the end; SIGTERM and SIGINT end it early.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256 };

static uint64_t source, sources, target, targets, port, window, count, duration;
static uint64_t request_bytes, reply_bytes, fin, cpu, step, drain_ms;
static uint64_t opened, completed, failed_connect, failed_wrong, failed_reset, failed_socket;
static uint64_t next, under_way;
static volatile sig_atomic_t stop;
static int poller;
static char request[65536];

// connection is what is known about the socket of that descriptor.
static struct connection {
	uint32_t got;
	uint8_t connected, ending;
} *connections;
static int descriptors;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void end(int fd, uint64_t *what)
{
	close(fd); // takes it out of epoll too
	under_way--;
	(*what)++;
}

// reset has close send RST, and leaves no TIME-WAIT.
static void reset(int fd, uint64_t *what)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	end(fd, what);
}

static int start(void)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || fd >= descriptors) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	from.sin_addr.s_addr = htonl(source + ((next >> 8) & sources));
	to.sin_addr.s_addr = htonl(target + (next & targets));
	to.sin_port = htons(port);
	next += step;
	opened++;
	under_way++;
	connections[fd] = (struct connection){0};
	event.data.fd = fd;
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)) ||
	    (connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
		end(fd, &failed_connect);
	return 0;
}

// finish ends a connection that has done its part.
static void finish(int fd)
{
	if (!fin) {
		reset(fd, &completed);
		return;
	}
	connections[fd].ending = 1;
	shutdown(fd, SHUT_WR);
}

static void receive(int fd)
{
	struct connection *c = &connections[fd];
	char buffer[4096];
	ssize_t n;

	while ((n = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
		c->got += n;
		if (c->got > reply_bytes) {
			reset(fd, &failed_wrong);
			return;
		}
		if (c->got == reply_bytes && !c->ending) {
			finish(fd);
			if (!fin)
				return;
		}
	}
	if (n == 0 && c->ending)
		end(fd, &completed);
	else if (n == 0)
		reset(fd, &failed_wrong);
	else if (errno != EAGAIN && errno != EINTR)
		end(fd, &failed_reset);
}

static void handle(int fd, uint32_t events)
{
	struct connection *c = &connections[fd];

	if (!c->connected) {
		int error = 0;
		socklen_t length = sizeof(error);

		if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
			return;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
		if (error) {
			end(fd, &failed_connect);
			return;
		}
		c->connected = 1;
		if (!request_bytes) {
			finish(fd);
			if (!fin)
				return;
		} else if (send(fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) {
			reset(fd, &failed_socket);
			return;
		}
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		receive(fd);
}

static int more(uint64_t ends)
{
	return !stop && (!count || opened < count) && (!ends || now() < ends);
}

static void run(uint64_t began)
{
	uint64_t ends = duration ? began + duration : 0, gives_up = 0;
	struct epoll_event events[EVENTS];
	int opening = 1;

	for (;;) {
		if (opening && !(opening = more(ends)))
			gives_up = now() + drain_ms * 1000000;
		for (int k = 0; opening && k < EVENTS && under_way < window && (!count || opened < count); k++)
			if (start()) {
				failed_socket++;
				opened++;
				break;
			}
		if (!opening && (!under_way || now() > gives_up))
			return;
		int n = epoll_wait(poller, events, EVENTS, under_way < window && opening ? 0 : 50);
		for (int k = 0; k < n; k++)
			handle(events[k].data.fd, events[k].events);
	}
}

static void pin(void)
{
	cpu_set_t allowed, one;
	uint64_t k = cpu;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) || (uint64_t)CPU_COUNT(&allowed) < step)
		return;
	for (int n = 0; n < CPU_SETSIZE; n++)
		if (CPU_ISSET(n, &allowed) && !k--) {
			CPU_ZERO(&one);
			CPU_SET(n, &one);
			sched_setaffinity(0, sizeof(one), &one); // slower without, no more
			return;
		}
}

int main(int argc, char **argv)
{
	uint64_t *arguments[] = {&source, &sources, &target, &targets, &port, &window, &count, &duration,
				 &request_bytes, &reply_bytes, &fin, &cpu, &step, &drain_ms};
	struct rlimit files;
	struct rusage used;

	if (argc != 1 + sizeof(arguments) / sizeof(*arguments))
		return 2;
	for (int k = 1; k < argc; k++)
		*arguments[k - 1] = strtoull(argv[k], NULL, 10);
	if (request_bytes > sizeof(request))
		return 2;
	memset(request, 'r', sizeof(request));
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	pin();
	descriptors = window + 64;
	files.rlim_cur = files.rlim_max = descriptors;
	if (setrlimit(RLIMIT_NOFILE, &files)) {
		perror("epoll: setrlimit");
		return 1;
	}
	connections = calloc(descriptors, sizeof(*connections));
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || poller < 0) {
		perror("epoll");
		return 1;
	}
	next = cpu;
	uint64_t began = now();
	run(began);
	uint64_t took = now() - began;
	getrusage(RUSAGE_SELF, &used);
	printf("{\"opened\":%llu,\"completed\":%llu,\"nanoseconds\":%llu,\"user\":%llu,\"system\":%llu,"
	       "\"failed_by\":{\"connect\":%llu,\"wrong reply\":%llu,\"reset\":%llu,\"socket\":%llu,\"unfinished\":%llu}}\n",
	       (unsigned long long)opened, (unsigned long long)completed, (unsigned long long)took,
	       used.ru_utime.tv_sec * 1000000ull + used.ru_utime.tv_usec,
	       used.ru_stime.tv_sec * 1000000ull + used.ru_stime.tv_usec,
	       (unsigned long long)failed_connect, (unsigned long long)failed_wrong,
	       (unsigned long long)failed_reset, (unsigned long long)failed_socket,
	       (unsigned long long)under_way);
	return 0;
}

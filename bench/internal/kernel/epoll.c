//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The kernel's TCP at its best from one thread: non-blocking sockets, one
// edge-triggered registration each, a window of connections under way. It
// prints one line of JSON at the end; SIGTERM and SIGINT end it early.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EVENTS = 256 };

static struct outcome all;
static uint64_t next, under_way;
static int poller;
static char request[REQUEST_MAX];

// connection is what is known about the socket of that descriptor.
static struct connection {
	uint32_t got;
	uint8_t connected, ending;
} *connections;
static int descriptors;

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
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	struct sockaddr_in to;
	int fd = open_socket(next, &to, SOCK_NONBLOCK);

	if (fd < 0 || fd >= descriptors) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	next += step;
	all.opened++;
	under_way++;
	connections[fd] = (struct connection){0};
	event.data.fd = fd;
	if ((connect(fd, (struct sockaddr *)&to, sizeof(to)) && errno != EINPROGRESS) ||
	    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event))
		end(fd, &all.connect);
	return 0;
}

// finish ends a connection that has done its part.
static void finish(int fd)
{
	if (!fin) {
		reset(fd, &all.completed);
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
			reset(fd, &all.wrong);
			return;
		}
		if (c->got == reply_bytes && !c->ending) {
			finish(fd);
			if (!fin)
				return;
		}
	}
	if (n == 0 && c->ending)
		end(fd, &all.completed);
	else if (n == 0)
		reset(fd, &all.wrong);
	else if (errno != EAGAIN && errno != EINTR)
		end(fd, &all.reset);
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
			end(fd, &all.connect);
			return;
		}
		c->connected = 1;
		if (!request_bytes) {
			finish(fd);
			if (!fin)
				return;
		} else if (send(fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) {
			reset(fd, &all.socket);
			return;
		}
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLERR | EPOLLHUP))
		receive(fd);
}

static int more(uint64_t ends)
{
	return !stop && (!count || all.opened < count) && (!ends || now() < ends);
}

// allowed is how many connections may have been opened by now.
static uint64_t allowed(uint64_t began)
{
	return rate ? (now() - began) * rate / 1000000000 : UINT64_MAX;
}

// wait_events waits until something happens or, where there is room, until the
// next connection is due.
static int wait_events(struct epoll_event *events, uint64_t began, int room)
{
	struct timespec until = {.tv_nsec = 50000000};

	if (room && !rate)
		return epoll_wait(poller, events, EVENTS, 0);
	if (room) {
		uint64_t due = (all.opened + 1) * 1000000000 / rate, at = now() - began;

		until.tv_nsec = due > at ? due - at < 50000000 ? due - at : 50000000 : 0;
	}
	return syscall(SYS_epoll_pwait2, poller, events, EVENTS, &until, NULL, 0);
}

static void run(uint64_t began)
{
	uint64_t ends = duration ? began + duration : 0, gives_up = 0;
	struct epoll_event events[EVENTS];
	int opening = 1;

	for (;;) {
		if (opening && !(opening = more(ends)))
			gives_up = now() + drain_ms * 1000000;
		uint64_t may = allowed(began);

		for (int k = 0; opening && k < EVENTS && under_way < window && all.opened < may && (!count || all.opened < count); k++)
			if (start()) {
				all.socket++;
				all.opened++;
				break;
			}
		if (!opening && (!under_way || now() > gives_up))
			return;
		int n = wait_events(events, began, under_way < window && opening);
		for (int k = 0; k < n; k++)
			handle(events[k].data.fd, events[k].events);
	}
}

int main(int argc, char **argv)
{
	read_job(argc, argv);
	memset(request, 'r', sizeof(request));
	descriptors = window + 64;
	allow_files(descriptors);
	connections = calloc(descriptors, sizeof(*connections));
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (!connections || poller < 0) {
		perror("epoll");
		return 1;
	}
	next = cpu;
	uint64_t began = now();
	run(began);
	all.unfinished = under_way;
	report(&all, now() - began);
	return 0;
}

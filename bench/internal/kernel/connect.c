//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The kernel's TCP by blocking calls: as many threads as the window, each with
// one connection at a time, by socket, connect, send, recv and close.
#include <errno.h>
#include <pthread.h>
#include <string.h>

struct worker {
	pthread_t thread;
	struct outcome outcome;
} __attribute__((aligned(64)));

static uint64_t taken, ends;
static char request[REQUEST_MAX];

// number is the next connection's; false when there is none.
static int number(uint64_t *n)
{
	if (stop || (ends && now() >= ends))
		return 0;
	*n = __atomic_fetch_add(&taken, 1, __ATOMIC_RELAXED);
	return !count || *n < count;
}

// refusal is what a failed call means: a timeout is the end of the wait.
static uint64_t *refusal(struct outcome *o, uint64_t *what)
{
	return errno == EAGAIN || errno == EINPROGRESS ? &o->unfinished : what;
}

// finish closes both directions in order.
static uint64_t *finish(int fd, struct outcome *o, char *buffer)
{
	ssize_t n;

	if (shutdown(fd, SHUT_WR))
		return &o->reset;
	n = recv(fd, buffer, 1, 0);
	return n < 0 ? refusal(o, &o->reset) : n ? &o->wrong : &o->completed;
}

// converse does the job of one connection, and returns the counter of how it
// ended.
static uint64_t *converse(int fd, const struct sockaddr_in *to, struct outcome *o, char *buffer)
{
	ssize_t n;

	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		return refusal(o, &o->connect);
	if (request_bytes) {
		if (send(fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes)
			return refusal(o, &o->reset);
		for (uint64_t got = 0; got < reply_bytes; got += n) {
			n = recv(fd, buffer, REQUEST_MAX, 0);
			if (n < 0)
				return refusal(o, &o->reset);
			if (!n || got + n > reply_bytes)
				return &o->wrong;
		}
	}
	return fin ? finish(fd, o, buffer) : &o->completed;
}

static void *run(void *argument)
{
	struct linger at_once = {.l_onoff = 1};
	struct timeval wait = {.tv_sec = drain_ms / 1000, .tv_usec = drain_ms % 1000 * 1000};
	struct worker *w = argument;
	struct sockaddr_in to;
	uint64_t n, *how;
	static __thread char buffer[REQUEST_MAX];

	while (number(&n)) {
		int fd = open_socket(cpu + n * step, &to, 0);

		w->outcome.opened++;
		if (fd < 0) {
			w->outcome.socket++;
			continue;
		}
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
		how = converse(fd, &to, &w->outcome, buffer);
		if (!fin || how != &w->outcome.completed) // close sends RST, and leaves no TIME-WAIT
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
		(*how)++;
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct outcome all = {0};
	struct worker *workers;
	uint64_t began, started = 0;

	read_job(argc, argv);
	memset(request, 'r', sizeof(request));
	allow_files(window + 64);
	workers = aligned_alloc(64, window * sizeof(*workers));
	if (!workers) {
		perror("connect");
		return 1;
	}
	memset(workers, 0, window * sizeof(*workers));
	began = now();
	ends = duration ? began + duration : 0;
	for (; started < window; started++)
		if (pthread_create(&workers[started].thread, NULL, run, &workers[started])) {
			fprintf(stderr, "connect: thread %llu of %llu could not be started\n",
				(unsigned long long)started, (unsigned long long)window);
			stop = 1;
			return 1;
		}
	for (uint64_t k = 0; k < started; k++) {
		const uint64_t *from = (const uint64_t *)&workers[k].outcome;
		uint64_t *to = (uint64_t *)&all;

		pthread_join(workers[k].thread, NULL);
		for (size_t i = 0; i < sizeof(all) / sizeof(*to); i++)
			to[i] += from[i];
	}
	report(&all, now() - began);
	return 0;
}

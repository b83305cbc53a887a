// SPDX-License-Identifier: Apache-2.0
//
// What the kernel's clients in C have in common: the job they are given as
// arguments, the processor they run on, the sockets they open, and the line of
// JSON that they print at the end. SIGTERM and SIGINT set stop. Goes before
// each client's own source.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { REQUEST_MAX = 65536 };

static uint64_t source, sources, target, targets, port, window, count, duration;
static uint64_t request_bytes, reply_bytes, fin, cpu, step, drain_ms, separate, rate;
static volatile sig_atomic_t stop;

// outcome counts connections by what became of them.
struct outcome {
	uint64_t opened, completed, connect, wrong, reset, socket, unfinished;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

// pin keeps the calling thread, and those that it starts, on this process's
// processor.
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

static void read_job(int argc, char **argv)
{
	uint64_t *arguments[] = {&source, &sources, &target, &targets, &port, &window, &count, &duration,
				 &request_bytes, &reply_bytes, &fin, &cpu, &step, &drain_ms, &separate, &rate};

	if (argc != 1 + sizeof(arguments) / sizeof(*arguments))
		exit(2);
	for (int k = 1; k < argc; k++)
		*arguments[k - 1] = strtoull(argv[k], NULL, 10);
	if (request_bytes > REQUEST_MAX)
		exit(2);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	pin();
}

static void allow_files(uint64_t number)
{
	struct rlimit files = {.rlim_cur = number, .rlim_max = number};

	if (setrlimit(RLIMIT_NOFILE, &files)) {
		perror("setrlimit");
		exit(1);
	}
}

// open_socket makes the socket of the n-th connection and says where it goes.
// Connect chooses the port, when the peer is known. Without TCP_QUICKACK the
// handshake's ACK waits for the request and goes with it.
static int open_socket(uint64_t n, struct sockaddr_in *to, int flags)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int one = 1, none = 0, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		return -1;
	from.sin_addr.s_addr = htonl(source + ((n >> 8) & sources));
	*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	to->sin_addr.s_addr = htonl(target + (n & targets));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (request_bytes) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (!separate)
			setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &none, sizeof(none));
	}
	if (bind(fd, (struct sockaddr *)&from, sizeof(from))) {
		close(fd);
		return -1;
	}
	return fd;
}

static void report(const struct outcome *o, uint64_t took)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	printf("{\"opened\":%llu,\"completed\":%llu,\"nanoseconds\":%llu,\"user\":%llu,\"system\":%llu,"
	       "\"failed_by\":{\"connect\":%llu,\"wrong reply\":%llu,\"reset\":%llu,\"socket\":%llu,\"unfinished\":%llu}}\n",
	       (unsigned long long)o->opened, (unsigned long long)o->completed, (unsigned long long)took,
	       used.ru_utime.tv_sec * 1000000ull + used.ru_utime.tv_usec,
	       used.ru_stime.tv_sec * 1000000ull + used.ru_stime.tv_usec,
	       (unsigned long long)o->connect, (unsigned long long)o->wrong,
	       (unsigned long long)o->reset, (unsigned long long)o->socket,
	       (unsigned long long)o->unfinished);
}

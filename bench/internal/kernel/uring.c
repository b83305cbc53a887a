//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The kernel's TCP by io_uring, from one thread, by its system calls alone: each
// connection is a chain of linked operations, connect, send, receive, close,
// which the kernel walks by itself; what is ready is handed in together, one
// system call for many. Sockets are made and bound by ordinary calls, and so is
// the FIN sent: the kernel would give a shutdown to a thread of its own.
#include <errno.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { ENTRIES = 4096, CHAIN = 4, OPENED_AT_ONCE = 64 };

// What headers older than the kernel do not have.
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

static struct outcome all;
static uint64_t next, under_way;
static char request[REQUEST_MAX];

// slot is a connection under way; its index is in each operation's user data,
// which is slot << 8 | operation.
static struct slot {
	struct sockaddr_in to;
	int fd;
	uint8_t pending;     // operations without a completion
	uint8_t failed;      // the first operation that did, or 0
	uint8_t wrong;       // it answered with something else than it should
	uint8_t closed;      // by its chain
	uint8_t told;        // that we close: FIN sent
} *slots;
static uint32_t *free_slots, free_count;
static char *replies;

static struct {
	int fd;
	unsigned *sq_head, *sq_tail, *sq_mask, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned tail, handed_in; // of the submission queue: filled, and given to the kernel
} ring;

static int set_up(struct io_uring_params *p, unsigned flags)
{
	memset(p, 0, sizeof(*p));
	p->flags = flags | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
	p->cq_entries = 4 * (window + ENTRIES);
	return syscall(SYS_io_uring_setup, ENTRIES, p);
}

static int open_ring(void)
{
	struct io_uring_params p;
	size_t length, cq_length;
	char *memory;

	// The best that the kernel has: completions are worked on when we ask.
	ring.fd = set_up(&p, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	if (ring.fd < 0 && errno == EINVAL)
		ring.fd = set_up(&p, 0);
	if (ring.fd < 0)
		return -1;
	if (!(p.features & IORING_FEAT_SINGLE_MMAP) || !(p.features & IORING_FEAT_EXT_ARG)) {
		errno = ENOSYS;
		return -1;
	}
	length = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	cq_length = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	if (cq_length > length)
		length = cq_length;
	memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING);
	ring.sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
	if (memory == MAP_FAILED || ring.sqes == MAP_FAILED)
		return -1;
	ring.sq_head = (unsigned *)(memory + p.sq_off.head);
	ring.sq_tail = (unsigned *)(memory + p.sq_off.tail);
	ring.sq_mask = (unsigned *)(memory + p.sq_off.ring_mask);
	ring.cq_head = (unsigned *)(memory + p.cq_off.head);
	ring.cq_tail = (unsigned *)(memory + p.cq_off.tail);
	ring.cq_mask = (unsigned *)(memory + p.cq_off.ring_mask);
	ring.cqes = (struct io_uring_cqe *)(memory + p.cq_off.cqes);
	for (unsigned k = 0; k < p.sq_entries; k++)
		((unsigned *)(memory + p.sq_off.array))[k] = k;
	return 0;
}

// enter hands in what was filled, and waits for a completion for up to 50 ms if
// told to.
static void enter(int wait)
{
	struct __kernel_timespec most = {.tv_nsec = 50 * 1000 * 1000};
	struct io_uring_getevents_arg argument = {.ts = (uint64_t)(uintptr_t)&most};
	long n;

	__atomic_store_n(ring.sq_tail, ring.tail, __ATOMIC_RELEASE);
	n = syscall(SYS_io_uring_enter, ring.fd, ring.tail - ring.handed_in, wait,
		    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof(argument));
	if (n < 0 && errno != EINTR && errno != ETIME && errno != EBUSY && errno != EAGAIN) {
		perror("uring: io_uring_enter");
		exit(1);
	}
	ring.handed_in = __atomic_load_n(ring.sq_head, __ATOMIC_ACQUIRE);
}

// room is how many operations can be filled without handing in.
static unsigned room(void)
{
	return ENTRIES - (ring.tail - ring.handed_in);
}

// operation fills the next one of a slot's chain.
static struct io_uring_sqe *operation(uint32_t k, int code, int links)
{
	struct io_uring_sqe *e = &ring.sqes[ring.tail++ & *ring.sq_mask];

	memset(e, 0, sizeof(*e));
	e->opcode = code;
	e->fd = slots[k].fd;
	e->flags = links ? IOSQE_IO_LINK : 0;
	e->user_data = (uint64_t)k << 8 | code;
	slots[k].pending++;
	return e;
}

// receive asks for a number of bytes, all of them, or for the end (0).
static void receive(uint32_t k, uint64_t bytes, int links)
{
	struct io_uring_sqe *e = operation(k, IORING_OP_RECV, links);

	e->addr = (uint64_t)(uintptr_t)(replies + k * (reply_bytes + 1));
	e->len = bytes ? bytes : 1;
	e->msg_flags = bytes ? MSG_WAITALL : 0;
}

static int start(void)
{
	struct linger at_once = {.l_onoff = 1};
	uint32_t k = free_slots[free_count - 1];
	struct slot *s = &slots[k];
	struct io_uring_sqe *e;

	*s = (struct slot){0};
	s->fd = open_socket(next, &s->to, 0);
	if (s->fd < 0)
		return -1;
	if (!fin) // close sends RST, and leaves no TIME-WAIT
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	free_count--;
	next += step;
	all.opened++;
	under_way++;
	e = operation(k, IORING_OP_CONNECT, request_bytes || !fin);
	e->addr = (uint64_t)(uintptr_t)&s->to;
	e->off = sizeof(s->to);
	if (request_bytes) {
		e = operation(k, IORING_OP_SEND, 1);
		e->addr = (uint64_t)(uintptr_t)request;
		e->len = request_bytes;
		e->msg_flags = MSG_NOSIGNAL | MSG_WAITALL;
		receive(k, reply_bytes, !fin);
	}
	if (!fin)
		operation(k, IORING_OP_CLOSE, 0);
	return 0;
}

// told_end sends our FIN, and waits for the peer's; then the chain closes.
static void told_end(uint32_t k)
{
	slots[k].told = 1;
	if (shutdown(slots[k].fd, SHUT_WR)) {
		slots[k].failed = IORING_OP_SHUTDOWN;
		return;
	}
	if (room() < 2)
		enter(0);
	if (room() < 2) { // the kernel takes nothing for now
		slots[k].failed = IORING_OP_SHUTDOWN;
		return;
	}
	receive(k, 0, 1);
	operation(k, IORING_OP_CLOSE, 0);
}

// ended counts a connection whose operations have all completed.
static void ended(uint32_t k)
{
	struct linger at_once = {.l_onoff = 1};
	struct slot *s = &slots[k];

	if (s->wrong)
		all.wrong++;
	else if (s->failed == IORING_OP_CONNECT)
		all.connect++;
	else if (s->failed)
		all.reset++;
	else
		all.completed++;
	if (!s->closed) {
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(s->fd);
	}
	free_slots[free_count++] = k;
	under_way--;
}

static void completed(const struct io_uring_cqe *c)
{
	uint32_t k = c->user_data >> 8;
	uint8_t code = c->user_data & 255;
	struct slot *s = &slots[k];

	s->pending--;
	if (code == IORING_OP_CLOSE && !c->res)
		s->closed = 1;
	else if (c->res < 0 && !s->failed && !s->wrong)
		s->failed = code;
	else if (code == IORING_OP_RECV && (s->told ? c->res : c->res != (int)reply_bytes))
		s->wrong = 1;
	if (s->pending)
		return;
	if (fin && !s->told && !s->failed && !s->wrong)
		told_end(k);
	if (!s->pending)
		ended(k);
}

static void collect(void)
{
	unsigned head = *ring.cq_head;

	while (head != __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE)) {
		struct io_uring_cqe c = ring.cqes[head++ & *ring.cq_mask];

		__atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
		completed(&c);
	}
}

static void run(uint64_t began)
{
	uint64_t ends = duration ? began + duration : 0, gives_up = 0;
	int opening = 1;

	for (;;) {
		if (opening && (stop || (count && all.opened >= count) || (ends && now() >= ends))) {
			opening = 0;
			gives_up = now() + drain_ms * 1000000;
		}
		for (int n = 0; opening && n < OPENED_AT_ONCE && free_count && room() >= CHAIN && (!count || all.opened < count); n++)
			if (start()) {
				all.socket++;
				all.opened++;
				break;
			}
		if (!opening && (!under_way || now() > gives_up))
			return;
		enter(opening && free_count ? 0 : 1);
		collect();
	}
}

int main(int argc, char **argv)
{
	read_job(argc, argv);
	memset(request, 'r', sizeof(request));
	allow_files(window + 64);
	slots = calloc(window, sizeof(*slots));
	free_slots = calloc(window, sizeof(*free_slots));
	replies = malloc(window * (reply_bytes + 1));
	if (!slots || !free_slots || !replies || open_ring()) {
		perror("uring");
		return 1;
	}
	while (free_count < window) {
		free_slots[free_count] = window - 1 - free_count;
		free_count++;
	}
	next = cpu;
	uint64_t began = now();
	run(began);
	all.unfinished = under_way;
	report(&all, now() - began);
	return 0;
}

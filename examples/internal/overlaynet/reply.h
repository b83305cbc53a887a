// SPDX-License-Identifier: Apache-2.0
//
// Replies of several segments to a frame that can become only one. The request
// is redirected to as many entries of a device map as the reply has parts, all
// of them the device that it came from, so the kernel makes copies of it. As
// each leaves, the program reply turns it into a part.
//
// Copies are alike, but those of one request pass one after another, on the
// processor that has taken it. So a request gets a number, in place of its TCP
// checksum, and reply counts those of the same number.
//
// A frame that the kernel has made of a socket buffer may have no room for a
// part. It goes to one entry more: what leaves last is not a copy, and is
// dropped then.

#define SEGMENT 1024 // as SegmentBytes
#define PARTS 3	     // of a reply, at most

// text is where an ultrapeer's reply lies, and the sum of each of its parts.
struct text {
	__u32 piece, from;
	__u16 length, sums[PARTS];
};

// piece has the replies of many, and no less than SEGMENT bytes behind them.
struct piece {
	__u8 bytes[SEGMENT];
};

const volatile __u32 piece_bytes = SEGMENT;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct text);
	__uint(max_entries, 1); // set by the loader, as that of pieces
} texts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct piece);
	__uint(max_entries, 1);
} pieces SEC(".maps");

#define COPIES(n)                                          \
	struct {                                           \
		__uint(type, BPF_MAP_TYPE_DEVMAP);         \
		__type(key, __u32);                        \
		__type(value, struct bpf_devmap_val);      \
		__uint(max_entries, n);                    \
	} copies_##n SEC(".maps")

COPIES(1);
COPIES(2);
COPIES(3);
COPIES(4);

// turns is a processor's: how many requests it has taken, and which copy of
// which one left last.
struct turns {
	__u32 taken, left, copy;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct turns);
} turns SEC(".maps");

// copy has the kernel make copies of a request whose reply is t.
static __always_inline int copy(struct xdp_md *ctx, struct segment *s, const struct text *t)
{
	__u32 zero = 0, parts = (t->length + SEGMENT - 1) / SEGMENT, bytes = bpf_ntohs(s->total_length) - IP_BYTES - TCP_BYTES;
	struct turns *n = bpf_map_lookup_elem(&turns, &zero);

	if (!n)
		return XDP_DROP;
	n->taken++;
	__builtin_memcpy(&s->tcp_sum, &n->taken, 4);
	if (!fit(ctx, SEGMENT))
		parts++;
	else if (!fit(ctx, bytes))
		return XDP_DROP;
	switch (parts) {
	case 1:
		return bpf_redirect_map(&copies_1, 0, BPF_F_BROADCAST);
	case 2:
		return bpf_redirect_map(&copies_2, 0, BPF_F_BROADCAST);
	case 3:
		return bpf_redirect_map(&copies_3, 0, BPF_F_BROADCAST);
	case 4:
		return bpf_redirect_map(&copies_4, 0, BPF_F_BROADCAST);
	}
	return XDP_DROP;
}

// which is the number of a copy among its like.
static __always_inline __u32 which(struct turns *n, const struct segment *s)
{
	__u32 mark;

	__builtin_memcpy(&mark, &s->tcp_sum, 4);
	n->copy = mark == n->left ? n->copy + 1 : 0;
	n->left = mark;
	return n->copy;
}

// sum_of is t->sums[part], which the verifier does not follow.
static __always_inline __u16 sum_of(const struct text *t, __u32 part)
{
	return part == 0 ? t->sums[0] : part == 1 ? t->sums[1] : t->sums[2];
}

// store writes a part's bytes behind the headers.
static __always_inline int store(struct xdp_md *ctx, struct piece *p, __u64 from, __u64 length)
{
	// The verifier wants these looked at last.
	asm volatile("" : "+r"(from), "+r"(length));
	if (length < 1 || length > SEGMENT || from > piece_bytes - SEGMENT)
		return XDP_DROP;
	return bpf_xdp_store_bytes(ctx, HEADERS, p->bytes + from, length) ? XDP_DROP : XDP_PASS;
}

// become turns a copy of a request into a part of its reply.
static __always_inline int become(struct xdp_md *ctx, struct segment *s, const struct text *t, __u32 part)
{
	__u32 seq = bpf_ntohl(s->ack), ack = bpf_ntohl(s->seq) + bpf_ntohs(s->total_length) - IP_BYTES - TCP_BYTES;
	__u32 before = part * SEGMENT, from = t->from + before, key = t->piece, length = t->length - before;
	__u8 flags = length > SEGMENT ? ACK : state_of(s) == BUSY ? ACK | PSH | FIN : ACK | PSH;
	struct piece *p = bpf_map_lookup_elem(&pieces, &key);

	if (length > SEGMENT)
		length = SEGMENT;
	s = p ? fit(ctx, length) : NULL;
	if (!s)
		return XDP_DROP;
	turn(s, flags, seq + before, ack, length, sum_of(t, part));
	return store(ctx, p, from, length);
}

SEC("xdp/devmap")
int reply(struct xdp_md *ctx)
{
	struct segment *s = (void *)(long)ctx->data;
	__u32 zero = 0, node, parts, part;
	struct turns *n = bpf_map_lookup_elem(&turns, &zero);
	struct text *t;

	if (!n || (void *)(s + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	node = node_of(s);
	t = bpf_map_lookup_elem(&texts, &node);
	part = which(n, s);
	if (!t)
		return XDP_DROP;
	parts = (t->length + SEGMENT - 1) / SEGMENT;
	if (part >= parts)
		return XDP_DROP; // the frame itself
	if (is_swapped(bpf_ntohl(s->ack)))
		part = parts - 1 - part;
	return become(ctx, s, t, part);
}

// SPDX-License-Identifier: Apache-2.0
//
// The network as the overlay package computes it, and the sequence numbers.
// All that is const is set before loading.

const volatile __u64 seed;   // the overlay's
const volatile __u64 secret; // of the sequence numbers
const volatile __u32 nodes;
const volatile __u32 base; // the first ultrapeer's address
const volatile __u16 usual_port;

// hash is Overlay.hash with 0 for its second number.
static __always_inline __u64 hash(__u64 a, __u64 salt)
{
	__u64 x = seed + a * 0x9e3779b97f4a7c15ULL + salt * 0x94d049bb133111ebULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

enum salt { SALT_PORT = 5, SALT_STATE = 6 };

// state is Overlay.State less 1, with ABSENT also where no ultrapeer is.
enum state { HERE, BUSY, ABSENT };

// node_of is the number of the ultrapeer that a segment is for, if there is one.
static __always_inline __u32 node_of(const struct segment *s)
{
	return bpf_ntohl(s->dst) - base;
}

static __always_inline enum state state_of(const struct segment *s)
{
	__u32 node = node_of(s);
	__u64 h;

	if (node >= nodes)
		return ABSENT;
	h = hash(node, SALT_PORT);
	if (bpf_ntohs(s->dport) != (h % 8 == 0 ? 1024 + (h >> 8) % 60000 : usual_port))
		return ABSENT;
	h = hash(node, SALT_STATE) % 256;
	return node == 0 || h > 1 ? HERE : h == 0 ? BUSY : ABSENT;
}

// isn is responder.isn.
static __always_inline __u32 isn(const struct segment *s)
{
	__u64 x = ((__u64)bpf_ntohl(s->dst) << 16 | bpf_ntohs(s->dport)) ^ secret;

	x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ULL;
	x += (__u64)bpf_ntohl(s->src) << 16 | bpf_ntohs(s->sport);
	x = (x ^ x >> 32) * 0x94d049bb133111ebULL;
	return x >> 32;
}

// is_swapped reports whether a reply comes in the wrong order. ack is that of
// the request.
static __always_inline int is_swapped(__u32 ack)
{
	return (ack ^ secret) % 64 == 0;
}

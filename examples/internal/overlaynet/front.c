//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// What stands before the far end's raw frames: it answers in the kernel what
// takes no text. Everything that an answer needs is in the segment that is
// answered, or computed from the network's seed as the overlay package does.
//
//	SYN to an ultrapeer that is here   SYN-ACK
//	SYN to anybody else                RST
//	the handshake's third leg, FIN     FIN-ACK
//	RST                                counted, nothing
//	everything else                    left to the program behind
//
// Checksums are computed from nothing: all of an answer is headers.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum flag { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

struct segment {
	__u8 to[6], from[6];
	__be16 type;
	__u8 version_length, tos;
	__be16 total_length, id, fragment;
	__u8 ttl, protocol;
	__u16 ip_sum;
	__be32 src, dst;
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window;
	__u16 tcp_sum, urgent;
} __attribute__((packed));

#define HEADERS sizeof(struct segment)
#define IP_BYTES 20
#define TCP_BYTES 20
// MSS 1460, two NOPs, SACK permitted.
#define OPTION_BYTES 8
#define LEG_BYTES 23

// counters are the frames that were answered or ended here; Go's Counts names
// them likewise.
struct counters {
	__u64 syns, refused, legs, fins, rsts;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} behind SEC(".maps");

// Set before loading.
const volatile __u64 seed;   // the overlay's
const volatile __u64 secret; // of the sequence numbers
const volatile __u32 nodes;
const volatile __u32 base; // the first ultrapeer's address
const volatile __u16 usual_port;
const volatile __u8 leg[LEG_BYTES];

// hash is Overlay.hash with 0 for its second number.
static __always_inline __u64 hash(__u64 a, __u64 salt)
{
	__u64 x = seed + a * 0x9e3779b97f4a7c15ULL + salt * 0x94d049bb133111ebULL;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

enum salt { SALT_PORT = 5, SALT_STATE = 6 };

// here reports whether an ultrapeer listens at an address: Overlay.Node, and
// any State but Absent.
static __always_inline int here(__u32 ip, __u16 port)
{
	__u32 node = ip - base;
	__u64 h;

	if (node >= nodes)
		return 0;
	h = hash(node, SALT_PORT);
	if (port != (h % 8 == 0 ? 1024 + (h >> 8) % 60000 : usual_port))
		return 0;
	return node == 0 || hash(node, SALT_STATE) % 256 != 1;
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

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

// add sums up an even number of bytes.
static __always_inline __u64 add(const void *p, int bytes)
{
	const __u16 *w = p;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < bytes / 2; i++)
		sum += w[i];
	return sum;
}

// answer turns the frame round. options is 0 or OPTION_BYTES.
static __always_inline int answer(struct xdp_md *ctx, __u8 flags, __u32 seq, __u32 ack, int options)
{
	void *data = (void *)(long)ctx->data, *end;
	struct segment *s;
	__u8 mac[6];
	__u16 port;
	__be32 ip;
	__u64 sum;

	if (bpf_xdp_adjust_tail(ctx, (int)(HEADERS + options) - (int)(ctx->data_end - ctx->data)))
		return XDP_DROP;
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	s = data;
	if (data + HEADERS + OPTION_BYTES > end && (options || data + HEADERS > end))
		return XDP_DROP;
	__builtin_memcpy(mac, s->to, 6);
	__builtin_memcpy(s->to, s->from, 6);
	__builtin_memcpy(s->from, mac, 6);
	ip = s->src;
	s->src = s->dst;
	s->dst = ip;
	port = s->sport;
	s->sport = s->dport;
	s->dport = port;
	s->total_length = bpf_htons(IP_BYTES + TCP_BYTES + options);
	s->id = 0;
	s->fragment = bpf_htons(0x4000);
	s->ttl = 64;
	s->ip_sum = 0;
	s->ip_sum = fold(add(&s->version_length, IP_BYTES));
	s->seq = bpf_htonl(seq);
	s->ack = bpf_htonl(ack);
	s->offset = (TCP_BYTES + options) << 2;
	s->flags = flags;
	s->window = bpf_htons(flags & RST ? 0 : 65535);
	s->tcp_sum = s->urgent = 0;
	sum = add(&s->src, 8) + bpf_htons(IPPROTO_TCP) + bpf_htons(TCP_BYTES + options) + add(&s->sport, TCP_BYTES);
	if (options) {
		__u16 *o = (void *)(s + 1);

		if ((void *)o + OPTION_BYTES > end)
			return XDP_DROP;
		o[0] = bpf_htons(0x0204);
		o[1] = bpf_htons(1460);
		o[2] = bpf_htons(0x0101);
		o[3] = bpf_htons(0x0402);
		sum += add(o, OPTION_BYTES);
	}
	s->tcp_sum = fold(sum);
	return XDP_TX;
}

// is_leg reports whether the payload is the handshake's third leg.
static __always_inline int is_leg(const __u8 *payload, const void *end)
{
	if ((void *)(payload + LEG_BYTES) > end)
		return 0;
#pragma unroll
	for (int i = 0; i < LEG_BYTES; i++)
		if (payload[i] != leg[i])
			return 0;
	return 1;
}

// take handles a TCP segment; -1 leaves it to the program behind.
static __always_inline int take(struct xdp_md *ctx, struct segment *s, void *end, struct counters *count)
{
	__u32 total = bpf_ntohs(s->total_length), header = IP_BYTES + (s->offset >> 4) * 4;
	__u32 seq = bpf_ntohl(s->seq), ack = bpf_ntohl(s->ack), length;
	__u8 flags = s->flags;

	if (header < IP_BYTES + TCP_BYTES || header > IP_BYTES + 60 || total < header || total > 1500)
		return -1;
	length = total - header;
	if (flags & RST) {
		count->rsts++;
		return XDP_DROP;
	}
	if (flags & SYN) {
		if (here(bpf_ntohl(s->dst), bpf_ntohs(s->dport))) {
			count->syns++;
			return answer(ctx, SYN | ACK, isn(s), seq + 1, OPTION_BYTES);
		}
		count->refused++;
		return answer(ctx, RST | ACK, 0, seq + 1, 0);
	}
	if (length == 0 && flags & FIN) {
		count->fins++;
		return answer(ctx, FIN | ACK, ack, seq + 1, 0);
	}
	if (length == LEG_BYTES && is_leg((__u8 *)s + ETH_HLEN + header, end)) {
		count->legs++;
		return answer(ctx, FIN | ACK, ack, seq + LEG_BYTES + !!(flags & FIN), 0);
	}
	return -1;
}

SEC("xdp")
int front(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct segment *s = data;
	struct counters *count;
	__u32 zero = 0;
	int verdict;

	if (data + HEADERS > end || s->type != bpf_htons(ETH_P_IP) || s->version_length != 0x45 ||
	    s->protocol != IPPROTO_TCP || s->fragment & bpf_htons(0x3fff))
		goto leave;
	count = bpf_map_lookup_elem(&counts, &zero);
	if (!count)
		goto leave;
	verdict = take(ctx, s, end, count);
	if (verdict >= 0)
		return verdict;
leave:
	bpf_tail_call(ctx, &behind, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "Apache-2.0";

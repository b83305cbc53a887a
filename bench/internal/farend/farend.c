//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The far end of the measurements: a TCP "server" without state. Everything
// that it puts into an answer comes from the segment that it answers, so it
// never looks anything up, never forgets and never runs full.
//
//	SYN                      SYN-ACK with an MSS option; the initial sequence
//	                         number is a hash of the four-tuple
//	data, the last piece     ACK with the reply in it
//	data without PSH         bare ACK
//	FIN (with or without     FIN-ACK, the reply in it when there was data
//	data)
//	bare ACK, RST            counted, nothing
//	ARP for the target       reply with our address
//	anything else            the kernel's
//
// All headers are written anew and all checksums computed from nothing: a
// kernel client leaves its checksums partial, and they must not find their way
// into an answer.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// REPLY_MAX is what fits into one segment of a 1,500-byte MTU.
#define REPLY_MAX 1460

// HEAD_GROW_MAX is how many bytes an answer may be longer than its question at
// the front of the frame. XDP gives 256 bytes of headroom, of which XDP_TX
// takes up to 40 for its own frame header. More is tried at the tail.
#define HEAD_GROW_MAX 208

enum flag { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct ether {
	__u8 dst[6], src[6];
	__be16 type;
} __attribute__((packed));

struct ipv4 {
	__u8 version_length, tos;
	__be16 total_length, id, fragment;
	__u8 ttl, protocol;
	__u16 checksum;
	__be32 src, dst;
} __attribute__((packed));

struct tcp {
	__be16 sport, dport;
	__be32 seq, ack;
	__u8 offset, flags;
	__be16 window;
	__u16 checksum, urgent;
} __attribute__((packed));

struct arp {
	__be16 hardware, protocol;
	__u8 hardware_length, protocol_length;
	__be16 operation;
	__u8 sender_mac[6];
	__be32 sender;
	__u8 target_mac[6];
	__be32 target;
} __attribute__((packed));

struct segment {
	struct ether eth;
	struct ipv4 ip;
	struct tcp tcp;
} __attribute__((packed));

// counters counts frames of the target's by what they were. Each frame that is
// received counts in exactly one of syn, data, part, ack, fin, rst, arp,
// malformed, bad_checksum and no_room.
struct counters {
	__u64 syn;          // answered with a SYN-ACK
	__u64 data;         // answered with the reply
	__u64 part;         // data without PSH: acknowledged only
	__u64 ack;          // bare ACK: not answered
	__u64 fin;          // answered with a FIN-ACK
	__u64 rst;          // not answered
	__u64 arp;          // answered
	__u64 malformed;    // dropped: lengths that do not fit, fragments, not TCP
	__u64 bad_checksum; // dropped: only with verify set
	__u64 no_room;      // dropped: the answer did not fit into the frame
	__u64 bytes;        // payload received
	__u64 sent;         // answers
	__u64 wire_in;      // bytes that the frames received took on a wire
	__u64 wire_out;     // and the answers
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counts SEC(".maps");

// Set before loading; the verifier removes what they switch off.
const volatile __be32 target_net;
const volatile __be32 target_mask;
const volatile __u8 mac[6];
const volatile __u32 reply_length;
const volatile __u32 reply_sum; // of the reply's 16-bit words as they lie in memory
const volatile __u32 seed;
const volatile __u8 verify;
const volatile __u8 silent; // SYNs are counted, and not answered

// The reply's bytes. Not const: bpf_xdp_store_bytes wants memory that could be
// written.
__u8 reply[REPLY_MAX];

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

// sum32 adds up 32-bit words, which gives the same as adding up 16-bit ones
// once it is folded.
static __always_inline __u64 sum32(const void *p, int words)
{
	const __u32 *w = p;
	__u64 sum = 0;

#pragma unroll
	for (int i = 0; i < words; i++)
		sum += w[i];
	return sum;
}

static __always_inline __u64 pseudo_sum(__be32 a, __be32 b, __u32 length)
{
	return (__u64)a + b + bpf_htons(IPPROTO_TCP) + bpf_htons(length);
}

// isn gives each four-tuple its own initial sequence number.
static __always_inline __u32 isn(__be32 a, __be32 b, __u32 ports)
{
	__u64 x = ((__u64)a << 32 | b) ^ ((__u64)ports << 17) ^ seed;

	x *= 0x9e3779b97f4a7c15ULL;
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ULL;
	return x >> 32;
}

// checksum_ok verifies both checksums, a chunk of the segment at a time. It is
// slow, and for clients only that write whole checksums (the kernel's, over a
// veth, does not).
static __always_inline int checksum_ok(struct xdp_md *ctx, struct segment *s, __u32 total)
{
	__u32 length = total - sizeof(struct ipv4);
	__u64 sum = pseudo_sum(s->ip.src, s->ip.dst, length);
	__u8 chunk[64];

	if (fold(sum32(&s->ip, sizeof(struct ipv4) / 4)))
		return 0;
	for (__u32 at = 0; at < 1536; at += sizeof(chunk)) {
		__u32 piece = length - at;

		if (at >= length)
			break;
		if (piece > sizeof(chunk))
			piece = sizeof(chunk);
		// Changes nothing, and shows the verifier that 1 <= piece <= 64.
		asm volatile("" : "+r"(piece));
		piece = ((piece - 1) & (sizeof(chunk) - 1)) + 1;
		__builtin_memset(chunk, 0, sizeof(chunk));
		if (bpf_xdp_load_bytes(ctx, offsetof(struct segment, tcp) + at, chunk, piece))
			return 0;
		sum += sum32(chunk, sizeof(chunk) / 4);
	}
	return fold(sum) == 0;
}

// on_wire is what a frame takes on a wire: padding, check sequence, preamble and
// gap with it.
static __always_inline __u64 on_wire(__u64 length)
{
	return (length < ETH_ZLEN ? ETH_ZLEN : length) + 4 + 20;
}

static __always_inline int answered(struct counters *count, __u64 length)
{
	count->sent++;
	count->wire_out += on_wire(length);
	return XDP_TX;
}

static __always_inline int resize(struct xdp_md *ctx, int want)
{
	int grow = want - (int)(ctx->data_end - ctx->data);
	int front = grow > HEAD_GROW_MAX ? HEAD_GROW_MAX : grow;

	if (front && bpf_xdp_adjust_head(ctx, -front))
		return -1;
	if (grow > front && bpf_xdp_adjust_tail(ctx, grow - front))
		return -1;
	return 0;
}

static __always_inline int answer_arp(struct xdp_md *ctx, struct counters *count)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *eth = data;
	struct arp *arp = data + sizeof(*eth);
	__be32 asked;

	if ((void *)(arp + 1) > end)
		return XDP_PASS;
	if (arp->operation != bpf_htons(1) || (arp->target & target_mask) != target_net)
		return XDP_PASS;
	count->arp++;
	asked = arp->target;
	for (int i = 0; i < 6; i++) {
		eth->dst[i] = arp->target_mac[i] = arp->sender_mac[i];
		eth->src[i] = arp->sender_mac[i] = mac[i];
	}
	arp->operation = bpf_htons(2);
	arp->target = arp->sender;
	arp->sender = asked;
	count->wire_in += on_wire(end - data);
	return answered(count, end - data);
}

static __always_inline int answer_tcp(struct xdp_md *ctx, struct counters *count)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct segment *s = data;
	__u32 total, header, payload, ports, option = 0, length = 0;
	__be32 src, dst, seq, ack;
	__u8 client[6], flags;
	__u64 sum, *kind;

	count->wire_in += on_wire(end - data);
	if ((void *)(s + 1) > end || s->ip.version_length != 0x45 ||
	    s->ip.protocol != IPPROTO_TCP || s->ip.fragment & bpf_htons(0x3fff)) {
		count->malformed++;
		return XDP_DROP;
	}
	total = bpf_ntohs(s->ip.total_length);
	header = sizeof(struct ipv4) + (s->tcp.offset >> 4) * 4;
	if (header < sizeof(struct ipv4) + sizeof(struct tcp) || header > total ||
	    total > end - data - sizeof(struct ether)) {
		count->malformed++;
		return XDP_DROP;
	}
	if (verify && !checksum_ok(ctx, s, total)) {
		count->bad_checksum++;
		return XDP_DROP;
	}
	payload = total - header;
	count->bytes += payload;
	flags = s->tcp.flags;
	src = s->ip.src;
	dst = s->ip.dst;
	ports = (__u32)s->tcp.sport << 16 | s->tcp.dport;

	if (flags & RST) {
		count->rst++;
		return XDP_DROP;
	}
	if (silent && flags & SYN) {
		count->syn++;
		return XDP_DROP;
	}
	if (flags & SYN) {
		kind = &count->syn;
		option = 4;
		seq = isn(src, dst, ports);
		ack = bpf_htonl(bpf_ntohl(s->tcp.seq) + 1);
		flags = SYN | ACK;
	} else if (!payload && !(flags & FIN)) {
		count->ack++;
		return XDP_DROP;
	} else {
		seq = s->tcp.ack;
		ack = bpf_htonl(bpf_ntohl(s->tcp.seq) + payload + (flags & FIN));
		kind = flags & FIN ? &count->fin : flags & PSH ? &count->data : &count->part;
		if (payload && flags & (PSH | FIN))
			length = reply_length;
		flags = ACK | (flags & FIN) | (length ? PSH : 0);
	}
	__builtin_memcpy(client, s->eth.src, sizeof(client));

	if (resize(ctx, sizeof(*s) + option + length)) {
		count->no_room++;
		return XDP_DROP;
	}
	data = (void *)(long)ctx->data;
	end = (void *)(long)ctx->data_end;
	s = data;
	if ((void *)(s + 1) > end)
		return XDP_DROP;

	__builtin_memcpy(s->eth.dst, client, sizeof(client));
	for (int i = 0; i < 6; i++)
		s->eth.src[i] = mac[i];
	s->eth.type = bpf_htons(ETH_P_IP);

	s->ip = (struct ipv4){
		.version_length = 0x45,
		.total_length = bpf_htons(sizeof(s->ip) + sizeof(s->tcp) + option + length),
		.fragment = bpf_htons(0x4000),
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.src = dst,
		.dst = src,
	};
	s->ip.checksum = fold(sum32(&s->ip, sizeof(s->ip) / 4));

	s->tcp = (struct tcp){
		.sport = ports & 0xffff,
		.dport = ports >> 16,
		.seq = seq,
		.ack = ack,
		.offset = (sizeof(s->tcp) + option) << 2,
		.flags = flags,
		.window = 0xffff,
	};
	sum = pseudo_sum(src, dst, sizeof(s->tcp) + option + length) +
	      sum32(&s->tcp, sizeof(s->tcp) / 4);
	if (option) {
		__be32 *mss = (void *)(s + 1);

		if ((void *)(mss + 1) > end)
			return XDP_DROP;
		*mss = bpf_htonl(2 << 24 | 4 << 16 | REPLY_MAX);
		sum += *mss;
	}
	if (length)
		sum += reply_sum;
	s->tcp.checksum = fold(sum);

	if (reply_length && length &&
	    bpf_xdp_store_bytes(ctx, sizeof(*s), reply, reply_length))
		return XDP_DROP;
	(*kind)++;
	return answered(count, sizeof(*s) + option + length);
}

SEC("xdp")
int farend(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ether *eth = data;
	struct ipv4 *ip = data + sizeof(*eth);
	struct counters *count;
	__u32 zero = 0;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	count = bpf_map_lookup_elem(&counts, &zero);
	if (!count)
		return XDP_PASS;
	if (eth->type == bpf_htons(ETH_P_ARP))
		return answer_arp(ctx, count);
	if (eth->type != bpf_htons(ETH_P_IP) || (void *)(ip + 1) > end ||
	    (ip->dst & target_mask) != target_net)
		return XDP_PASS;
	return answer_tcp(ctx, count);
}

char _license[] SEC("license") = "Apache-2.0";

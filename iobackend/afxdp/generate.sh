#!/bin/sh
# Compiles filter.c for both byte orders. Needs clang, llvm-strip and
# libbpf-dev's headers; the objects are in the tree, so users need none.
set -eu
cd "$(dirname "$0")"
for order in el eb; do
	clang -O2 -g -ffile-prefix-map="$PWD"=. -fdebug-compilation-dir=. -Wall -Werror -target bpf$order -mcpu=v2 \
		-I"/usr/include/$(uname -m)-linux-gnu" -x c -c filter.c -o filter_bpf$order.o
	llvm-strip -g filter_bpf$order.o
done

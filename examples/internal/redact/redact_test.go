package redact

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"nats://user:password@192.0.2.1:4222/run":                "nats://xxxxx@192.0.2.1:4222/run",
		"-cluster=nats://token@host -out x":                      "-cluster=nats://xxxxx@host -out x",
		"connect to tls://u:p@ss@host: refused":                  "connect to tls://xxxxx@host: refused",
		"nats://a:b@one:1,nats://c:d@two:2/run":                  "nats://xxxxx@one:1,nats://xxxxx@two:2/run",
		"nats://a:b@one/x and nats://c:d@two/y":                  "nats://xxxxx@one/x and nats://xxxxx@two/y",
		"https://example.org/@me?mail=a@b#c@d":                   "https://example.org/@me?mail=a@b#c@d",
		"crawler@example.org":                                    "crawler@example.org",
		`-cluster "nats://h/x" -contact "mailto:me@example.org"`: `-cluster "nats://h/x" -contact "mailto:me@example.org"`,
		"": "",
	} {
		require.Equal(t, want, Text(text))
	}
}

func TestAttribute(t *testing.T) {
	const secret, hidden = "nats://u:p@h", "nats://xxxxx@h"
	require.Equal(t, hidden, Attribute(nil, slog.String("a", secret)).Value.String())
	require.Equal(t, hidden, Attribute(nil, slog.Any("a", errors.New(secret))).Value.String())
	require.Equal(t, slog.Int("a", 7), Attribute(nil, slog.Int("a", 7)))
}

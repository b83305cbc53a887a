// Package redact takes names and passwords out of addresses, such as the
// nats://user:password@host of -cluster, wherever a text with one of them may
// be read by others: messages, the report, the status.
//
// What stands before the @ goes as a whole: with many servers a token takes the
// place of the user's name.
package redact

import (
	"log/slog"
	"regexp"
)

// Hidden stands where something was taken out.
const Hidden = "xxxxx"

// users is what stands before the last @ of each address's authority, which
// ends at the first slash, question mark or hash sign (RFC 3986 §3.2).
var users = regexp.MustCompile(`(://)[^/?#\s"]*@`)

// Text is a text without what addresses in it have before the @.
func Text(text string) string { return users.ReplaceAllString(text, "${1}"+Hidden+"@") }

// Attribute is an attribute of a message without it, as slog.HandlerOptions
// has it. Numbers, times and the like stay what they are.
func Attribute(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Text(v.String()))
	case slog.KindAny:
		switch v := v.Any().(type) {
		case error:
			a.Value = slog.StringValue(Text(v.Error()))
		case string:
			a.Value = slog.StringValue(Text(v))
		}
	}
	return a
}

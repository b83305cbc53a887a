package schema

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
)

var example = Schema{
	Name: "scan.ports", Version: 2, Doc: "a line per port",
	Fields: []Field{
		{Name: "address", Type: String, Always: true, Doc: "IPv4"},
		{Name: "state", Type: String, Words: []string{"open", "closed"}, Doc: "what it is"},
		{Name: "rtt_us", Type: Number, Doc: "microseconds"},
		{Name: "tries", Type: Integer, Doc: "attempts"},
		{Name: "tls", Type: Boolean, Doc: "TLS"},
		{Name: "answers", Type: Array, Doc: "what came", Of: []Field{{Name: "data", Type: String, Always: true}}},
		{Name: "servers", Type: Array, Each: String, Doc: "asked"},
		{Name: "http", Type: Object, Of: []Field{{Name: "status", Type: Integer}}},
	},
}

func TestPrintsJSONSchema(t *testing.T) {
	var out bytes.Buffer
	_, err := example.WriteTo(&out)
	require.NoError(t, err)
	var v map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &v))
	require.Equal(t, "scan.ports/2", v["$id"])
	require.EqualValues(t, 2, v["version"])
	require.Equal(t, []any{"address"}, v["required"])
	properties := v["properties"].(map[string]any)
	require.Len(t, properties, len(example.Fields))
	require.Equal(t, []any{"open", "closed"}, properties["state"].(map[string]any)["enum"])
	require.Equal(t, "string", properties["servers"].(map[string]any)["items"].(map[string]any)["type"])
}

func TestChecks(t *testing.T) {
	require.NoError(t, example.Check([]byte(`{"address":"a","state":"open","rtt_us":1,"tries":2,"tls":true,"answers":[{"data":"x"}],"servers":["y"],"http":{"status":200}}   `)))
	for line, want := range map[string]string{
		`{}`:                              "address is missing",
		`{"address":1}`:                   "integer, not string",
		`{"address":"a","x":1}`:           "unknown field x",
		`{"address":"a","state":"ajar"}`:  "none of open, closed",
		`{"address":"a","tries":1.5}`:     "number, not integer",
		`{"address":"a","answers":[{}]}`:  "data is missing",
		`{"address":"a","servers":[1]}`:   "integer, not string",
		`{"address":"a","tls":null}`:      "null",
		`{"address":"a"} {}`:              "more than one",
		`{"address":`:                     "unexpected",
		`{"address":"a","http":{"x":1}}`:  "unknown field x",
		`{"address":"a","http":[1]}`:      "array, not object",
		`{"address":"a","rtt_us":"fast"}`: "string, not number",
	} {
		require.ErrorContains(t, example.Check([]byte(line)), want, line)
	}
}

func TestSelects(t *testing.T) {
	all, err := example.Select("")
	require.NoError(t, err)
	require.Nil(t, all)
	_, err = example.Select("address,color")
	require.ErrorContains(t, err, `no field "color"`)
	require.ErrorContains(t, err, "rtt_us")
	some, err := example.Select("tries, address,answers")
	require.NoError(t, err)
	lines := `{"address":"a\"},{","state":"open","answers":[{"data":"]},"},{}],"tries":2}   ` + "\n" +
		`{ "tls" : true , "tries" : 3 }` + "\n" + `{"state":"open"}` + "\n"
	require.Equal(t, `{"address":"a\"},{","answers":[{"data":"]},"},{}],"tries":2}`+"\n"+`{"tries" : 3 }`+"\n{}\n",
		string(some.Append(nil, []byte(lines))))
}

// Whatever object comes in, an object with only chosen fields comes out.
func FuzzSelect(f *testing.F) {
	some, err := example.Select("tries,address")
	require.NoError(f, err)
	f.Add([]byte(`{"address":"a","state":{"tries":[1,"}"]},"tries":2}`))
	f.Add([]byte(`{"`))
	f.Fuzz(func(t *testing.T, line []byte) {
		bounded.Input(t, 64<<20, func() {
			out := some.Append(nil, line)
			var v, w map[string]any
			if bytes.ContainsAny(line, "\n\r\\") || json.Unmarshal(line, &v) != nil || v == nil {
				return
			}
			require.NoError(t, json.Unmarshal(out, &w), "%s -> %s", line, out)
			for name, value := range v {
				if name == "tries" || name == "address" {
					require.Equal(t, value, w[name])
				} else {
					require.NotContains(t, w, name)
				}
			}
		})
	})
}

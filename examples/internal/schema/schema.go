package schema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Type is what JSON a field holds.
type Type string

// The types.
const (
	String  Type = "string"
	Integer Type = "integer"
	Number  Type = "number"
	Boolean Type = "boolean"
	Array   Type = "array"
	Object  Type = "object"
)

// Field is one field of a line.
type Field struct {
	Name   string
	Type   Type
	Doc    string   // with the unit, where there is one
	Always bool     // stands in every line
	Words  []string // the only values of a string, where they are few and known
	Of     []Field  // of an object, or of each object in an array
	Each   Type     // of an array of something else
}

// Schema is what lines are made of.
type Schema struct {
	Name    string // program.what
	Version int
	Doc     string
	Fields  []Field
}

// ID is the name with the version.
func (s *Schema) ID() string { return fmt.Sprintf("%s/%d", s.Name, s.Version) }

// WriteTo writes the schema as JSON Schema.
func (s *Schema) WriteTo(out io.Writer) (int64, error) {
	doc := object(s.Fields)
	doc["$schema"], doc["$id"] = "https://json-schema.org/draft/2020-12/schema", s.ID()
	doc["title"], doc["description"], doc["version"] = s.Name, s.Doc, s.Version
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return 0, err
	}
	n, err := out.Write(append(text, '\n'))
	return int64(n), err
}

func object(fields []Field) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range fields {
		f := &fields[i]
		properties[f.Name] = f.describe()
		if f.Always {
			required = append(required, f.Name)
		}
	}
	return map[string]any{"type": Object, "properties": properties, "required": required}
}

func (f *Field) describe() map[string]any {
	d := map[string]any{"type": f.Type}
	switch {
	case f.Type == Object && f.Of != nil:
		d = object(f.Of)
	case f.Type == Array && f.Of != nil:
		d["items"] = object(f.Of)
	case f.Type == Array && f.Each != "":
		d["items"] = map[string]any{"type": f.Each}
	}
	if f.Words != nil {
		d["enum"] = f.Words
	}
	d["description"] = f.Doc
	return d
}

// Check reports how a line is not as the schema says: not one JSON object, a
// field that is unknown, missing or of another type. It is for tests.
func (s *Schema) Check(line []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var v map[string]any
	if err := decoder.Decode(&v); err != nil {
		return fmt.Errorf("schema: %s: %w", s.ID(), err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return fmt.Errorf("schema: %s: more than one value in the line", s.ID())
	}
	if err := checkObject(s.Fields, v); err != nil {
		return fmt.Errorf("schema: %s: %w", s.ID(), err)
	}
	return nil
}

func checkObject(fields []Field, v map[string]any) error {
	for name := range v {
		if !slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name }) {
			return fmt.Errorf("unknown field %s", name)
		}
	}
	for i := range fields {
		f := &fields[i]
		value, there := v[f.Name]
		if !there {
			if f.Always {
				return fmt.Errorf("field %s is missing", f.Name)
			}
			continue
		}
		if err := f.check(value); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func (f *Field) check(value any) error {
	if got := typeOf(value); got != f.Type && !(got == Integer && f.Type == Number) {
		return fmt.Errorf("is %s, not %s", got, f.Type)
	}
	if text, ok := value.(string); ok && f.Words != nil && !slices.Contains(f.Words, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(f.Words, ", "))
	}
	if f.Type == Object && f.Of != nil {
		return checkObject(f.Of, value.(map[string]any))
	}
	if f.Type != Array {
		return nil
	}
	for _, element := range value.([]any) {
		one := Field{Type: f.Each, Of: f.Of}
		if f.Of != nil {
			one.Type = Object
		}
		if one.Type == "" {
			continue
		}
		if err := one.check(element); err != nil {
			return err
		}
	}
	return nil
}

func typeOf(value any) Type {
	switch v := value.(type) {
	case string:
		return String
	case bool:
		return Boolean
	case []any:
		return Array
	case map[string]any:
		return Object
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return Number
		}
		return Integer
	}
	return "null"
}

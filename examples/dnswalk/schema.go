package main

import (
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/schema"
)

var namesSchema = schema.Schema{
	Name: "dnswalk.names", Version: 1,
	Doc: "What became of a name, a line each. A name whose line would be longer than 4,096 bytes has several, with part and parts.",
	Fields: []schema.Field{
		{Name: "name", Type: schema.String, Always: true, Doc: "in lower case, with the final dot"},
		{Name: "type", Type: schema.String, Always: true, Doc: "of the record asked for, such as AAAA, or TYPE65"},
		{Name: "rcode", Type: schema.String, Words: []string{"NOERROR", "NXDOMAIN"}, Doc: "what the servers say; without answers NOERROR is a name that has no record of the type"},
		{Name: "error", Type: schema.String, Words: iterate.Failures(), Doc: "why there is no answer, instead of rcode"},
		{Name: "part", Type: schema.Integer, Doc: "number of the line, from 1, where a name has several"},
		{Name: "parts", Type: schema.Integer, Doc: "how many it has"},
		{Name: "answers", Type: schema.Array, Doc: "the records, with those of a chain of CNAMEs", Of: []schema.Field{
			{Name: "name", Type: schema.String, Always: true, Doc: "the record's"},
			{Name: "type", Type: schema.String, Always: true, Doc: "the record's"},
			{Name: "ttl", Type: schema.Integer, Always: true, Doc: "seconds"},
			{Name: "data", Type: schema.String, Always: true, Doc: "as in a zone file"},
			{Name: "more", Type: schema.Boolean, Doc: "the data goes on in the next answer: it is longer than a line"},
		}},
		{Name: "servers", Type: schema.Array, Always: true, Each: schema.String, Doc: "the first 16 addresses asked, in order"},
		{Name: "requests", Type: schema.Integer, Always: true, Doc: "attempts: how many requests it took, those for servers' addresses included"},
		{Name: "tcp", Type: schema.Boolean, Doc: "one of them went over TCP"},
		{Name: "us", Type: schema.Integer, Always: true, Doc: "microseconds from the start to the end"},
	},
}

var serversSchema = schema.Schema{
	Name: "dnswalk.servers", Version: 1,
	Doc: "What -rtt says of a server, a line each, in the order of addresses. A delay is from the turn in which " +
		"a request left to the receive timestamp of the batch with its reply; requests over TCP are not among them.",
	Fields: []schema.Field{
		{Name: "server", Type: schema.String, Always: true, Doc: "address"},
		{Name: "requests", Type: schema.Integer, Always: true, Doc: "sent to it, those over TCP included"},
		{Name: "replies", Type: schema.Integer, Always: true, Doc: "received over UDP"},
		{Name: "min_us", Type: schema.Integer, Doc: "shortest delay, microseconds"},
		{Name: "mean_us", Type: schema.Integer, Doc: "mean delay, microseconds"},
		{Name: "max_us", Type: schema.Integer, Doc: "longest delay, microseconds"},
	},
}

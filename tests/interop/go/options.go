package main

import (
	"flag"
	"fmt"
	"io"
)

const sendUsage = "send --namesrv ADDRESS --topic TOPIC --count N [--size BYTES] [--inflight N] [--seed N]" +
	" [--tag TAG] [--key KEY] [--batch N] [--async] [--oneway]"

type options struct {
	namesrv, topic, seed, tag, key string
	count, size, inflight, batch   int
	async, oneway                  bool
}

func parse(arguments []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("send", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.namesrv, "namesrv", "", "")
	flags.StringVar(&o.topic, "topic", "", "")
	flags.StringVar(&o.seed, "seed", "1", "")
	flags.StringVar(&o.tag, "tag", "", "")
	flags.StringVar(&o.key, "key", "", "")
	flags.IntVar(&o.count, "count", 0, "")
	flags.IntVar(&o.size, "size", 64, "")
	flags.IntVar(&o.inflight, "inflight", 4, "")
	flags.IntVar(&o.batch, "batch", 1, "")
	flags.BoolVar(&o.async, "async", false, "")
	flags.BoolVar(&o.oneway, "oneway", false, "")
	if err := flags.Parse(arguments); err != nil {
		return o, wrong(err.Error())
	}
	switch {
	case flags.NArg() > 0:
		return o, wrong("unknown argument " + flags.Arg(0))
	case o.namesrv == "":
		return o, wrong("--namesrv is missing")
	case o.topic == "":
		return o, wrong("--topic is missing")
	case o.count < 1 || o.size < 1 || o.inflight < 1 || o.batch < 1:
		return o, wrong("--count, --size, --inflight and --batch must be positive; --count is required")
	case o.async && o.oneway:
		return o, wrong("--async and --oneway exclude each other")
	}
	return o, nil
}

func wrong(what string) error {
	return fmt.Errorf("%s; %w", what, errUsage)
}

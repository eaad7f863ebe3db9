package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

const membersUsage = "members --namesrv ADDRESS"

// order is one line of what the members are told; README.md has its fields.
type order struct {
	Order      string         `json:"order"`
	Member     string         `json:"member"`
	Kind       string         `json:"kind"`
	Group      string         `json:"group"`
	Topic      string         `json:"topic"`
	Tag        string         `json:"tag"`
	Settings   map[string]any `json:"settings"`
	Fail       int32          `json:"fail"`
	DelayLevel int            `json:"delayLevel"`
	Work       int            `json:"work"`
	Brief      bool           `json:"brief"`
	// ConsumeFrom is a time for CONSUME_FROM_TIMESTAMP in milliseconds, because the clients' setting is a local time.
	ConsumeFrom int64 `json:"consumeFrom"`
}

// event is what happened to a member; only a message has more than the first three.
type event struct {
	Event          string            `json:"event"`
	Member         string            `json:"member"`
	Text           string            `json:"text,omitempty"`
	MsgID          string            `json:"msgId,omitempty"`
	QueueID        *int              `json:"queueId,omitempty"`
	QueueOffset    *int64            `json:"queueOffset,omitempty"`
	Topic          string            `json:"topic,omitempty"`
	Body           string            `json:"body,omitempty"`
	Tags           string            `json:"tags,omitempty"`
	Keys           string            `json:"keys,omitempty"`
	ReconsumeTimes *int32            `json:"reconsumeTimes,omitempty"`
	BornTimestamp  int64             `json:"bornTimestamp,omitempty"`
	StoreTimestamp int64             `json:"storeTimestamp,omitempty"`
	Heard          int64             `json:"heard,omitempty"`
	Properties     map[string]string `json:"properties,omitempty"`
}

// group is the members of one program, each with a client of its own.
type group struct {
	namesrv string
	mutex   sync.Mutex
	members map[string]*member
}

// members follows orders until its input ends; it does not shut down whoever is left then.
func members(arguments []string) error {
	if len(arguments) != 2 || arguments[0] != "--namesrv" {
		return wrong("members has just one option")
	}
	g := group{namesrv: arguments[1], members: map[string]*member{}}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return err
		}
		go func() {
			if err := g.follow(o); err != nil {
				say(event{Event: "failed", Member: o.Member, Text: err.Error()})
			}
		}()
	}
	return lines.Err()
}

func (g *group) follow(o order) error {
	if o.Order == "stop" {
		if err := g.member(o.Member).consumer.Shutdown(); err != nil {
			return err
		}
		say(event{Event: "stopped", Member: o.Member})
		return nil
	}
	m, err := newMember(o, g.namesrv)
	if err != nil {
		return err
	}
	g.mutex.Lock()
	g.members[o.Member] = m
	g.mutex.Unlock()
	if err := m.consumer.Start(); err != nil {
		return err
	}
	say(event{Event: "started", Member: o.Member})
	return nil
}

func (g *group) member(name string) *member {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.members[name]
}

var stdout struct {
	sync.Mutex
}

// say prints a line at once, so that a reader sees what was done before a crash.
func say(e event) {
	line, err := json.Marshal(e)
	if err != nil {
		line = []byte(fmt.Sprintf(`{"event":"failed","member":%q,"text":%q}`, e.Member, err))
	}
	stdout.Lock()
	defer stdout.Unlock()
	if _, err := os.Stdout.Write(append(line, '\n')); errors.Is(err, os.ErrClosed) {
		os.Exit(1)
	}
}

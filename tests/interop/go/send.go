package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"strings"
	"sync"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
)

// line is what the producer was told about one message; what it was not told is left out.
type line struct {
	Index       int    `json:"index"`
	MsgID       string `json:"msgId,omitempty"`
	OffsetMsgID string `json:"offsetMsgId,omitempty"`
	Status      string `json:"status"`
	Broker      string `json:"broker,omitempty"`
	QueueID     *int   `json:"queueId,omitempty"`
	QueueOffset *int64 `json:"queueOffset,omitempty"`
	BodyCRC     uint32 `json:"body_crc"`
}

// sender keeps the first failure, after which nothing more is sent.
type sender struct {
	options
	producer rocketmq.Producer
	mutex    sync.Mutex
	next     int
	failure  error
}

func send(arguments []string) error {
	o, err := parse(arguments)
	if err != nil {
		return err
	}
	p, err := rocketmq.NewProducer(
		producer.WithNameServer(strings.Split(o.namesrv, ";")),
		producer.WithGroupName("interop_go_producer"),
		// All the time that a slow machine may need.
		producer.WithSendMsgTimeout(time.Minute),
	)
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	s := sender{options: o, producer: p}
	var workers sync.WaitGroup
	for i := 0; i < o.inflight; i++ {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for first, more := s.take(); more; first, more = s.take() {
				s.fail(first, s.sendOnce(first))
			}
		}()
	}
	workers.Wait()
	if err := p.Shutdown(); err != nil {
		return err
	}
	return s.failure
}

// take hands out the index of the next batch.
func (s *sender) take() (int, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	first := s.next
	s.next += s.batch
	return first, first < s.count && s.failure == nil
}

func (s *sender) fail(first int, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err != nil && s.failure == nil {
		s.failure = fmt.Errorf("not everything was sent: message %d: %w", first, err)
	}
}

// outcome is what an asynchronous send was answered.
type outcome struct {
	result *primitive.SendResult
	err    error
}

func (s *sender) sendOnce(first int) error {
	messages := s.messages(first)
	background := context.Background()
	switch {
	case s.oneway:
		if err := s.producer.SendOneWay(background, messages...); err != nil {
			return err
		}
		return s.print(first, messages, nil)
	case s.async:
		// The client may call back twice after a failure; the first call counts, the other must not block it.
		outcomes := make(chan outcome, 2)
		err := s.producer.SendAsync(background, func(_ context.Context, result *primitive.SendResult, err error) {
			outcomes <- outcome{result, err}
		}, messages...)
		if err != nil {
			return err
		}
		o := <-outcomes
		if o.err != nil {
			return o.err
		}
		return s.print(first, messages, o.result)
	default:
		result, err := s.producer.SendSync(background, messages...)
		if err != nil {
			return err
		}
		return s.print(first, messages, result)
	}
}

func (s *sender) messages(first int) []*primitive.Message {
	var messages []*primitive.Message
	for index := first; index < first+s.batch && index < s.count; index++ {
		message := primitive.NewMessage(s.topic, s.body(index))
		if s.tag != "" {
			message.WithTag(s.tag)
		}
		if s.key != "" {
			message.WithKeys([]string{s.key})
		}
		messages = append(messages, message)
	}
	return messages
}

// body is "SEED-INDEX " over and over, cut to the size: easy to make again in any language.
func (s *sender) body(index int) []byte {
	text := fmt.Sprintf("%s-%d ", s.seed, index)
	return []byte(strings.Repeat(text, s.size/len(text)+1)[:s.size])
}

// print writes one line a message. The result of a batch has comma-separated ids and the first message's offset, and
// this client gives the messages of a batch no id of its own.
func (s *sender) print(first int, messages []*primitive.Message, result *primitive.SendResult) error {
	var offsetMsgIDs []string
	if result != nil {
		offsetMsgIDs = strings.Split(result.OffsetMsgID, ",")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	encoder := json.NewEncoder(os.Stdout)
	for i, message := range messages {
		l := line{
			Index:   first + i,
			MsgID:   message.GetProperty(primitive.PropertyUniqueClientMessageIdKeyIndex),
			Status:  "ONEWAY",
			BodyCRC: crc32.ChecksumIEEE(message.Body),
		}
		if i < len(offsetMsgIDs) {
			l.OffsetMsgID = offsetMsgIDs[i]
		}
		if result != nil {
			offset := result.QueueOffset + int64(i)
			l.Status = status(result.Status)
			l.Broker = result.MessageQueue.BrokerName
			l.QueueID = &result.MessageQueue.QueueId
			l.QueueOffset = &offset
		}
		if err := encoder.Encode(l); err != nil {
			return err
		}
	}
	if result != nil && result.Status != primitive.SendOK {
		return fmt.Errorf("%s", status(result.Status))
	}
	return nil
}

// status uses the names of the Java client.
func status(status primitive.SendStatus) string {
	switch status {
	case primitive.SendOK:
		return "SEND_OK"
	case primitive.SendFlushDiskTimeout:
		return "FLUSH_DISK_TIMEOUT"
	case primitive.SendFlushSlaveTimeout:
		return "FLUSH_SLAVE_TIMEOUT"
	case primitive.SendSlaveNotAvailable:
		return "SLAVE_NOT_AVAILABLE"
	default:
		return "UNKNOWN"
	}
}

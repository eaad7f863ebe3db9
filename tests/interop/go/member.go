package main

import (
	"context"
	"fmt"
	"os"
	"time"

	rocketmq "github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// member is one push consumer of a group.
type member struct {
	order
	consumer rocketmq.PushConsumer
}

func newMember(o order, namesrv string) (*member, error) {
	if o.Kind != "concurrent" && o.Kind != "orderly" {
		return nil, fmt.Errorf("no kind %s", o.Kind)
	}
	options := []consumer.Option{
		consumer.WithNameServer([]string{namesrv}),
		consumer.WithGroupName(o.Group),
		consumer.WithConsumerOrder(o.Kind == "orderly"),
		// A client of its own: those with the same name share one.
		consumer.WithInstance(fmt.Sprintf("%s@%d#%d", o.Member, os.Getpid(), time.Now().UnixNano())),
	}
	if o.ConsumeFrom > 0 {
		options = append(options, consumer.WithConsumeTimestamp(time.UnixMilli(o.ConsumeFrom).Format("20060102150405")))
	}
	for name, value := range o.Settings {
		option, err := setting(name, value)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	c, err := rocketmq.NewPushConsumer(options...)
	if err != nil {
		return nil, err
	}
	m := &member{order: o, consumer: c}
	return m, c.Subscribe(o.Topic, consumer.MessageSelector{Type: consumer.TAG, Expression: o.Tag}, m.consume)
}

// setting has the names and values of the Java client.
func setting(name string, value any) (consumer.Option, error) {
	number, _ := value.(float64)
	text, _ := value.(string)
	switch name + " " + text {
	case "consumeFromWhere CONSUME_FROM_FIRST_OFFSET":
		return consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset), nil
	case "consumeFromWhere CONSUME_FROM_LAST_OFFSET":
		return consumer.WithConsumeFromWhere(consumer.ConsumeFromLastOffset), nil
	case "consumeFromWhere CONSUME_FROM_TIMESTAMP":
		return consumer.WithConsumeFromWhere(consumer.ConsumeFromTimestamp), nil
	case "messageModel BROADCASTING":
		return consumer.WithConsumerModel(consumer.BroadCasting), nil
	case "maxReconsumeTimes ":
		return consumer.WithMaxReconsumeTimes(int32(number)), nil
	case "suspendCurrentQueueTimeMillis ":
		return consumer.WithSuspendCurrentQueueTimeMillis(time.Duration(number) * time.Millisecond), nil
	}
	return nil, fmt.Errorf("no setting %s %v", name, value)
}

// consume is the application: it prints, works, and fails as it was told to.
func (m *member) consume(ctx context.Context, messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
	well := true
	for _, message := range messages {
		m.print(message)
		well = well && message.ReconsumeTimes >= m.Fail
		time.Sleep(time.Duration(m.Work) * time.Millisecond)
	}
	if well {
		return consumer.ConsumeSuccess, nil
	}
	if m.Kind == "orderly" {
		// The client takes its own setting for nothing here, so it is the listener that waits.
		if of, ok := primitive.GetOrderlyCtx(ctx); ok {
			if pause, ok := m.Settings["suspendCurrentQueueTimeMillis"].(float64); ok {
				of.SuspendCurrentQueueTimeMillis = int(pause)
			}
		}
		return consumer.SuspendCurrentQueueAMoment, nil
	}
	if of, ok := primitive.GetConcurrentlyCtx(ctx); ok {
		of.DelayLevelWhenNextConsume = m.DelayLevel
	}
	return consumer.ConsumeRetryLater, nil
}

func (m *member) print(message *primitive.MessageExt) {
	e := event{
		Event:       "message",
		Member:      m.Member,
		MsgID:       message.MsgId,
		QueueID:     &message.Queue.QueueId,
		QueueOffset: &message.QueueOffset,
	}
	if !m.Brief {
		e.Topic = message.Topic
		e.Body = string(message.Body)
		e.Tags = message.GetTags()
		e.Keys = message.GetKeys()
		e.ReconsumeTimes = &message.ReconsumeTimes
		e.BornTimestamp = message.BornTimestamp
		e.StoreTimestamp = message.StoreTimestamp
		e.Heard = time.Now().UnixMilli()
		e.Properties = message.GetProperties()
	}
	say(e)
}

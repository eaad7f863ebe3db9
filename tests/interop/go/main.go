// Command interop runs Apache's Go client for RocketMQ against a name server and broker under test.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/apache/rocketmq-client-go/v2/rlog"
)

// errUsage marks a mistake on the command line, told apart from a failure of the work.
var errUsage = errors.New("usage: interop " + sendUsage + " | interop " + membersUsage)

func main() {
	rlog.SetLogLevel("error")
	err := errUsage
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "send":
			err = send(os.Args[2:])
		case "members":
			err = members(os.Args[2:])
		}
	}
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "interop:", strings.Join(strings.Fields(err.Error()), " "))
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

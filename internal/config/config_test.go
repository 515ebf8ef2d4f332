package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "zhunxin.yaml")
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheSampleIsTheDefault(t *testing.T) {
	c, err := Load(write(t, Sample()), nil)
	if err != nil || !reflect.DeepEqual(c, Default()) {
		t.Errorf("%+v, %v", c, err)
	}
	if strings.Contains(Sample(), "# \n") {
		t.Error("a key of the sample has no explanation")
	}
}

func TestFileThenEnvironment(t *testing.T) {
	c, err := Load(write(t, "node: 7\nhttp: {listen: '127.0.0.1:1'}\n"), []string{"ZHUNXIN_HTTP__LISTEN=127.0.0.1:2", "ZHUNXIN_GATE__BATCH_WAIT=5ms", "OTHER=1"})
	if err != nil || c.Node != 7 || c.HTTP.Listen != "127.0.0.1:2" || c.Gate.BatchWait != 5*time.Millisecond {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for _, c := range []struct{ text, env, want string }{
		{"htpp: {listen: x}", "", "htpp.listen"},
		{"http: {lisen: x}", "", "http.lisen"},
		{"", "ZHUNXIN_NODES=1", "nodes"},
		{"node: 2000", "", "node: 2000"},
		{"database: {kind: mysql}", "", "mysql"},
		{"database: {kind: postgres}", "", "dsn_file"},
		{"http: {listen: nowhere}", "", "host:port"},
		{"smpp: {listen_tls: nowhere}", "", "smpp.listen_tls"},
		{"smpp: {listen_tls: '127.0.0.1:1'}", "", "tls.cert_file: it is empty, and smpp.listen_tls"},
		{"smpp: {listen_tls: '127.0.0.1:1'}\ntls: {cert_file: a}", "", "tls.key_file"},
		{"proxy: {from: ['10.0.0.0/33']}", "", "10.0.0.0/33"},
		{"proxy: {from: ['::/0']}", "", "everybody"},
		{"", "ZHUNXIN_PROXY__FROM=10.0.0.1,balancer", `"balancer"`},
		{"evidence: {every: soon}", "", `zhunxin.yaml: evidence.every is "soon": write a time with its unit`},
		{"node: xx", "", `zhunxin.yaml: node is "xx": write a whole number`},
		{"node: 1.5", "", `node is "1.5"`},
		{"node:", "", "write a whole number"},
		{"", "ZHUNXIN_NODE=xx", `environment: ZHUNXIN_NODE is "xx": write a whole number`},
		{"http: {read_timeout: 5}", "", "http.read_timeout is \"5\": write a time with its unit: 5 has no unit, say 5s"},
		{"http: {read_timeout: 0.5}", "", "0.5 has no unit"},
		{"", "ZHUNXIN_HTTP__READ_TIMEOUT=5", "ZHUNXIN_HTTP__READ_TIMEOUT is \"5\": write a time with its unit: 5 has no unit, say 5s"},
		{"webhook: {private: maybe}", "", "true or false"},
		{"data: [a]", "", "one text"},
		{"proxy: {from: [1]}", "", "a list of texts"},
		{"proxy: {from: {a: b}}", "", "proxy.from.a"},
		{"http: 5", "", `http is "5": write its keys under it`},
		{"node: [", "", "zhunxin.yaml"},
	} {
		var environ []string
		if c.env != "" {
			environ = []string{c.env}
		}
		if _, err := Load(write(t, c.text), environ); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "decoding") || strings.Contains(err.Error(), "\n") && !strings.Contains(c.text, "tls") && !strings.HasPrefix(c.text, "node: [") {
			t.Errorf("%s%s: %v", c.text, c.env, err)
		}
	}
}

// What stands for itself is taken however it is written.
func TestValuesAreTakenAsWritten(t *testing.T) {
	c, err := Load(write(t, "node: '7'\ncmpp: {listen: }\nchannel: {breaker: {down_after: 0}}\nwebhook: {private: 'true'}\nproxy: {from: }\nlog: {level: debug}\nhttp: {read_timeout: 1m30s}\nsmpp:\n  # listen: x\nsgip: {}\n"),
		[]string{"ZHUNXIN_GATE__QUEUE=5", "ZHUNXIN_CHECK_SECRET=x"})
	if err != nil || c.Node != 7 || c.CMPP.Listen != "" || c.Channel.Breaker.DownAfter != 0 || !c.Webhook.Private || c.HTTP.ReadTimeout != 90*time.Second || c.Gate.Queue != 5 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestBalancers(t *testing.T) {
	c, err := Load("", []string{"ZHUNXIN_PROXY__FROM=10.0.0.1, 10.1.0.0/16,::ffff:10.2.0.1"})
	if got := fmt.Sprint(c.Balancers()); err != nil || got != "[10.0.0.1/32 10.1.0.0/16 10.2.0.1/32]" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestConnectionStringIsKeptFromOthers(t *testing.T) {
	p := write(t, "postgres:///x\n")
	c := Config{Database: Database{DSNFile: p}}
	if dsn, err := c.DSN(); err != nil || dsn != "postgres:///x" {
		t.Errorf("%q, %v", dsn, err)
	}
	if err := os.Chmod(p, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DSN(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
}

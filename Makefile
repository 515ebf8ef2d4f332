# run starts a whole platform with a simulated carrier and plays a story on it. test runs every test, lint checks the style.
# fuzz and race are the slow suites; they are not part of test.

export CGO_ENABLED := 0
GO        ?= go
GOFLAGS   += -trimpath
FUZZTIME  ?= 2m
PACKAGES  := ./...
# By it the compiler optimises the program (not the tests: they would wait for it). Made by: make profile
PROFILE   := cmd/zhunxin/cpu.pgo
# Tests' programs that are modules of their own, so that the product does not require what they require.
PEERS     := apptest/interop/gosmpp apptest/sdks/aliyun-go apptest/sdks/tencent-go apptest/interop/twilio

.PHONY: run build profile test lint fmt fuzz race clean

build:
	$(GO) build -pgo=$(PROFILE) -o bin/ ./cmd/...

run: build
	./bin/zhunxin demo

test:
	$(GO) test -timeout 20m $(PACKAGES)

lint:
	@test -z "$$($(GO) tool -modfile=tools/go.mod gofumpt -l . | tee /dev/stderr)" || { echo 'run: make fmt'; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) tool -modfile=tools/go.mod staticcheck $(PACKAGES)
	@set -e; for dir in $(PEERS); do \
	  (set -x; cd $$dir && $(GO) vet ./... && $(GO) tool -modfile=../../../tools/go.mod staticcheck ./...); \
	done

fmt:
	$(GO) tool -modfile=tools/go.mod gofumpt -w .

# Every fuzz target of every package, one after the other.
fuzz:
	@for pkg in $$($(GO) list $(PACKAGES)); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; \
	done

race:
	CGO_ENABLED=1 $(GO) test -race -timeout 40m $(PACKAGES)

# What the benchmarks of all interfaces spend their time on, without names of files.
profile: build
	rm -rf bin/profile && mkdir -p bin/profile
	@set -ex; n=0; for args in '--rate 6500' '--rate 3000 --ingress aliyun' '--rate 3000 --ingress http --recipients 1' '--rate 5500 --ingress http' '--rate 3000 --upstream mixed'; do \
	  n=$$((n+1)); \
	  ./bin/zhunxin bench --data bin/profile/data --old 100000 --numbers 200000 --duration 12s $$args --profile bin/profile/$$n --own-profile bin/profile/own$$n; \
	  rm -rf bin/profile/data; \
	done
	$(GO) tool pprof -proto -output bin/profile/all bin/profile/[0-9]* bin/profile/own*
	$(GO) run tools/pgo/strip.go < bin/profile/all > $(PROFILE)

clean:
	rm -rf bin data

// Command pulumi-resource-kubernetes is the Pulumi provider for Kubernetes, linked from its published module.
//
// The schema and the mapping are not part of this directory: the toolchain builder copies them here from the
// module before it compiles, so that they always belong to the linked version.
package main

import (
	_ "embed"
	"os"
	"time"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/version"
)

//go:embed schema.json
var schema []byte

//go:embed terraform-mapping.json
var mapping []byte

// endWithParent ends this process once the engine is gone. An engine that is killed cannot stop its plugins, and
// the health check of the provider would notice only minutes later, in the middle of the next update.
func endWithParent() {
	engine := os.Getppid()
	for os.Getppid() == engine {
		time.Sleep(time.Second)
	}
	os.Exit(1)
}

func main() {
	go endWithParent()
	provider.Serve("kubernetes", version.Version, schema, mapping)
}

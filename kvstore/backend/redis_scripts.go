package backend

import (
	_ "embed"

	"github.com/go-redis/redis/v8"
)

//go:embed lua/add_samples.lua
var addSamplesLua string

//go:embed lua/set_params.lua
var setParamsLua string

//go:embed lua/swap_pool.lua
var swapPoolLua string

//go:embed lua/write_document.lua
var writeDocumentLua string

// scripts are the changes, each atomic in Redis.
type scripts struct {
	addSamples, setParams, swapPool, writeDocument *redis.Script
}

func newScripts() scripts {
	return scripts{
		addSamples:    redis.NewScript(addSamplesLua),
		setParams:     redis.NewScript(setParamsLua),
		swapPool:      redis.NewScript(swapPoolLua),
		writeDocument: redis.NewScript(writeDocumentLua),
	}
}

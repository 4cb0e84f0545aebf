package main

import (
	"os"

	"github.com/spf13/pflag"
)

// envFlag declares a text flag that takes its value from an environment
// variable when it is not given. The help names the variable but shows the
// built-in default: what the variable holds may be secret.
func envFlag(flags *pflag.FlagSet, p *string, name, variable, value, usage string) {
	flags.StringVar(p, name, value, usage+" [$"+variable+"]")
	if v := os.Getenv(variable); v != "" {
		*p = v
	}
}

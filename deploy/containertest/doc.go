// Package containertest holds the tests that build the templates' images and
// checkpoint and restore functions across real containers.
package containertest

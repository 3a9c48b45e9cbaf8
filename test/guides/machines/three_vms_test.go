package machines

import "testing"

func TestThreeVMs(t *testing.T) { run(t, world(t, "three-vms.md")) }

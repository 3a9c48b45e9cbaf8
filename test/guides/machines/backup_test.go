package machines

import "testing"

func TestBackupRestore(t *testing.T) {
	o := world(t, "backup-restore.md")
	o.Before += `; . "$LAB/cluster.sh"`
	run(t, o)
}

package file

import "os"

// sys is the system calls whose failures tests have to produce.
type sys struct {
	link     func(from, to string) error
	rename   func(from, to string) error
	remove   func(path string) error
	syncFile func(f *os.File) error
	syncDir  func(path string) error
}

func realSys() sys {
	return sys{
		link:     os.Link,
		rename:   os.Rename,
		remove:   os.Remove,
		syncFile: (*os.File).Sync,
		syncDir:  syncDir,
	}
}

// syncDir makes the names in a directory durable.
func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

package harness

import (
	"bufio"
	"os"
	"regexp"
	"strings"
)

// Explained is a line of kube-apiserver's log that is no sign of a fault in the store.
type Explained struct {
	Pattern *regexp.Regexp
	Reason  string
}

// problem matches klog lines of severity error and fatal, and Go's panics.
var problem = regexp.MustCompile(`^[EF]\d{4} |^panic: |^fatal error: |runtime error: |Observed a panic`)

// maxLogLine bounds a line; kube-apiserver logs whole objects at times.
const maxLogLine = 4 << 20

// LogProblems returns the error lines of a log that nothing explains, and how many there were in
// all.
func LogProblems(path string, explained []Explained) (unexplained []string, all int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLogLine)
	for lines.Scan() {
		if !problem.MatchString(lines.Text()) {
			continue
		}
		all++
		if !isExplained(lines.Text(), explained) {
			unexplained = append(unexplained, lines.Text())
		}
	}
	return unexplained, all, lines.Err()
}

// Count returns how often a text is in a log.
func Count(path, text string) (n int, err error) {
	log, err := os.ReadFile(path)
	return strings.Count(string(log), text), err
}

func isExplained(line string, explained []Explained) bool {
	for _, e := range explained {
		if e.Pattern.MatchString(line) {
			return true
		}
	}
	return false
}
